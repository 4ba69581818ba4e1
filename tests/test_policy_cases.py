"""Cases of a bundle: one that fails is named, one that cannot be tried is told with its file."""

import json
import shutil

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")


def planted_case(bundle, text):
    (bundle / "cases" / "planted.toml").write_text(text)


FAILING_CASE = """
[[case]]
name = "expects too little"
feed = "fiji-tcu-investigate"
expect = { verdict = "WITHHOLD", never = ["suspects"], rules = ["expired"], reason = "EXPIRED" }
"""


def test_a_case_that_fails_is_named_with_what_came_of_it(bundle, lali):
    planted_case(bundle, FAILING_CASE)

    code, out, err = lali("policy", "test", "--bundle", bundle)

    assert (code, err) == (1, "")
    first, last = out.splitlines()
    assert first == (
        "planted.toml: expects too little (fiji-tcu-investigate): FAILS: verdict is RELEASE; "
        "sees suspects; rule expired did not decide; reason is None"
    )
    assert " cases, 1 failed; " in last

    code, out, _ = lali("policy", "test", "--bundle", bundle, "--json")
    told = json.loads(out)
    (failed,) = [each for each in told["cases"] if each["differences"]]
    assert (code, told["failed"], failed["case"]) == (1, 1, "expects too little")


def test_a_bundle_whose_case_fails_does_not_pass_its_check(bundle, lali):
    planted_case(bundle, FAILING_CASE)

    code, out, err = lali("policy", "check", "--bundle", bundle)

    assert (code, err) == (1, "")
    (first, last) = out.splitlines()
    assert first.startswith("error: planted.toml: a case fails: expects too little: verdict is ")
    assert ": 1 errors, " in last


CASE = '[[case]]\nname = "odd"\nfeed = "fiji-tcu-investigate"\nexpect = {}\n'
UNUSABLE_CASES = {
    "no TOML": ("[[case", "planted.toml: "),
    "unknown table": ('[[csae]]\nname = "odd"', "planted.toml: unknown table csae"),
    "no list": ("case = 3", "planted.toml: case: each entry starts with [[case]]"),
    "no list of tables": ("case = [3]", "planted.toml: "),
    "feed": (
        CASE.replace("fiji-tcu", "fiji-nobody"),
        "planted.toml: odd: no active feed is called fiji-nobody-investigate",
    ),
    "field of a case": (CASE + 'lable = { tlp = "RED" }', "planted.toml: FIELD_UNKNOWN at case[0]"),
    "code": (
        CASE + 'label = { tlp = "AMBRE" }',
        "planted.toml: odd: CODE_UNKNOWN at label.tlp",
    ),
    "fact": (CASE + "facts = { late = true }", "planted.toml: odd: facts are embargoed, expired"),
}


@pytest.mark.parametrize("mistake", UNUSABLE_CASES)
def test_a_case_that_cannot_be_tried_is_told_with_its_file(mistake, bundle, lali):
    text, told = UNUSABLE_CASES[mistake]
    planted_case(bundle, text)

    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", bundle)
        assert (code, out) == (2, "")
        assert err.startswith(f"lali: {told}")


def test_a_bundle_without_cases_does_not_pass(bundle, lali):
    shutil.rmtree(bundle / "cases")

    code, out, _ = lali("policy", "test", "--bundle", bundle)
    assert (code, out.partition(",")[0]) == (1, "0 cases")
    assert lali("policy", "check", "--bundle", bundle)[0] == 1
