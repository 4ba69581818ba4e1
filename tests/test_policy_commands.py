"""`lali policy check`, `test` and `who`: what a mistake in a bundle makes them say."""

import json
import re
import shutil
import sys

import pytest
from policy_views import ordinary

import broker.cli
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.directory import read_directory
from broker.policy.facts import Facts
from broker.resources import shipped

PACIFIC = shipped("policies") / "pacific"
SAMPLES = shipped("schemas") / "alert" / "samples"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")
NOTES = '@id("planted") @why("Planted.") @legal_basis("None: synthetic.")\n'
FORBID = 'forbid (principal, action in Lali::Action::"everything", resource)\n'
DURING = "2026-06-02T00:00:00Z"


@pytest.fixture
def bundle(tmp_path):
    """A copy of the Pacific bundle, to plant mistakes in."""
    return shutil.copytree(PACIFIC, tmp_path / "pacific")


@pytest.fixture
def lali(monkeypatch, capsys, tmp_path):
    """Run a command as the shell does; return exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("broker.cli.configure_logs", lambda **_: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["lali", *map(str, words)])
        code = 0
        try:
            broker.cli.main()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "unexpected fault" not in said.err
        return code, said.out, said.err

    return run


def plant(bundle, rule):
    (bundle / "rules" / "planted.cedar").write_text(rule)


def planted_case(bundle, text):
    (bundle / "cases" / "planted.toml").write_text(text)


def test_the_pacific_bundle_has_no_errors_and_all_its_cases_hold(lali):
    code, out, err = lali("policy", "check", "--bundle", PACIFIC)
    assert (code, err) == (0, "")
    assert out.endswith(": 0 errors, 0 warnings\n")

    code, out, err = lali("policy", "test", "--bundle", PACIFIC)
    assert (code, err) == (0, "")
    cases, failed, decided, rules = map(int, re.findall(r"\d+", out))
    assert cases > failed == 0
    assert decided == rules


COMMUNITY_MISTAKES = {
    "unknown table": ("[[unit]]\nid = 'x'", "community.toml: unknown table unit"),
    "malformed": ("[[units", "community.toml: Expected"),
    "field": (
        "[[communities]]\nid = 'x'\nname = 'X'\ncolour = 'red'",
        "community.toml: FIELD_UNKNOWN at communities[x]",
    ),
    "purpose": (
        "[[feeds]]\nid = 'x'\nunit = 'ptccc'\npurpose = 'GOSSIP'",
        "community.toml: CODE_UNKNOWN at feeds[x].purpose",
    ),
    "unit": (
        "[[feeds]]\nid = 'x'\nunit = 'nobody'\npurpose = 'INVESTIGATE'",
        "community.toml: x: no unit is called nobody",
    ),
    "organisation": (
        "[[units]]\nid = 'x'\nname = 'X'\norganisation = 'nobody'\nkind = 'TCU'\ncountry = 'FJ'",
        "community.toml: x: no organisation is called nobody",
    ),
    "community": (
        "[[organisations]]\nid = 'x'\nname = 'X'\nkind = 'POLICE'\ncommunities = ['nobody']",
        "community.toml: x: no community is called nobody",
    ),
    "twice": (
        "[[communities]]\nid = 'pidc'\nname = 'X'",
        "community.toml: communities: pidc appears twice",
    ),
    "two things": (
        "[[communities]]\nid = 'ptccc'\nname = 'X'",
        "community.toml: ptccc: one id, one thing",
    ),
    "a right that is none": (
        "[[roles]]\nid = 'x'\nname = 'X'\nrights = ['read', 'rule']",
        "community.toml: CODE_UNKNOWN at roles[x].rights[1]",
    ),
    "a role without rights": (
        "[[roles]]\nid = 'x'\nname = 'X'\nrights = []",
        "community.toml: FIELD_INVALID at roles[x].rights",
    ),
    "role twice": (
        "[[roles]]\nid = 'analyst'\nname = 'X'\nrights = ['read']",
        "community.toml: roles: analyst appears twice",
    ),
}


@pytest.mark.parametrize("mistake", COMMUNITY_MISTAKES)
def test_a_mistake_in_the_community_file_is_told_with_the_entry(mistake, bundle, lali):
    text, told = COMMUNITY_MISTAKES[mistake]
    with (bundle / "community.toml").open("a") as file:
        file.write(f"\n{text}\n")

    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", bundle)
        assert (code, out) == (2, "")
        assert any(line.startswith((f"lali: {told}", told)) for line in err.splitlines())


def test_a_bundle_without_roles_is_as_good_as_before(bundle):
    file = bundle / "community.toml"
    text = file.read_text()
    assert text.count("[[roles]]") == len(read_directory(file).roles) > 0

    file.write_text(text[: text.index("[[roles]]")])

    assert read_directory(file).roles == {}
    assert load_bundle(bundle).community.units == read_directory(PACIFIC / "community.toml").units


def test_roles_change_no_decision_but_name_another_bundle(bundle):
    before = load_bundle(bundle)
    with (bundle / "community.toml").open("a") as file:
        file.write("\n[[roles]]\nid = 'x'\nname = 'X'\nrights = ['read']\n")

    after = load_bundle(bundle)

    assert before.digest != after.digest
    assert Decider(before).outcomes(ordinary(), Facts()) == Decider(after).outcomes(
        ordinary(), Facts()
    )


UNUSABLE_RULES = {
    "no Cedar": ("permit (principal", "planted.cedar: unexpected end of input"),
    "no id": (FORBID + ";", "planted.cedar: 1 rules have no @id"),
    "attribute": (
        NOTES + FORBID + 'when { resource.tpl == "RED" };',
        "planted.cedar planted: attribute `tpl`",
    ),
    "type": (
        NOTES + FORBID + "when { resource.tlp > 3 };",
        "planted.cedar planted: ",
    ),
    "action": (
        NOTES + 'permit (principal, action == Lali::Action::"see_vitcims", resource);',
        "planted.cedar planted: ",
    ),
    "a group as one action": (
        NOTES + 'permit (principal, action == Lali::Action::"see_anything", resource);',
        "planted.cedar planted: ",
    ),
    "template": (
        NOTES + "forbid (principal == ?principal, action, resource);",
        "planted.cedar: ?principal",
    ),
    "twice": (
        NOTES.replace("planted", "red-named") + FORBID + ";",
        "@id red-named appears twice: originator-control.cedar, planted.cedar",
    ),
}


@pytest.mark.parametrize("mistake", UNUSABLE_RULES)
def test_a_rule_that_cannot_be_used_is_told_with_its_file(mistake, bundle, lali):
    rule, told = UNUSABLE_RULES[mistake]
    plant(bundle, rule)

    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", bundle)
        assert (code, out) == (2, "")
        assert err.startswith(f"lali: {told}")


ANSWERED = 'when { context.purpose == "EXERCISE" && resource.tlp == "CLEAR" };'
DOUBTFUL_RULES = {
    "no reason": (
        '@id("planted") @legal_basis("None.") ' + FORBID + ANSWERED,
        "@why is missing",
    ),
    "no legal basis": ('@id("planted") @why("W.") ' + FORBID + ANSWERED, "@legal_basis is missing"),
    "empty reason": (NOTES.replace("Planted.", "") + FORBID + ANSWERED, "@why is missing"),
    "unknown annotation": (
        NOTES + '@acknowlege_within("30m") ' + FORBID + ANSWERED,
        "no annotation is called @acknowlege_within",
    ),
    "duration": (
        NOTES + '@acknowledge_within("soon") ' + FORBID + ANSWERED,
        "@acknowledge_within takes a duration such as 30m",
    ),
    "a held forbid": (
        NOTES + '@hold("two-person") ' + FORBID + ANSWERED,
        '@hold("two-person") is for permits, and there is no other kind',
    ),
    "another kind of hold": (
        NOTES + '@hold("one-person") ' + FORBID.replace("forbid", "permit") + ANSWERED,
        '@hold("two-person") is for permits, and there is no other kind',
    ),
    "code of the alert": (
        NOTES + FORBID + 'when { resource.tlp == "AMBRE" };',
        "no code is called AMBRE",
    ),
    "code in a list": (
        NOTES + FORBID + 'when { ["CLEAR", "GREY"].contains(resource.tlp) };',
        "no code is called GREY",
    ),
    "code of the feed": (
        NOTES + FORBID + 'when { context.purpose == "GOSSIP" };',
        "no code is called GOSSIP",
    ),
    "kind of unit": (
        NOTES + FORBID + 'when { principal.kind == "NAVY" };',
        "no code is called NAVY",
    ),
    "unit": (
        NOTES + f'forbid (principal == Lali::Unit::"nobody", action, resource) {ANSWERED}',
        "no unit is called nobody",
    ),
    "community": (
        NOTES + f'forbid (principal in Lali::Community::"nobody", action, resource) {ANSWERED}',
        "no community is called nobody",
    ),
    "constant": (NOTES + FORBID + "when { false };", "its condition is a constant"),
    "undecided": (
        NOTES + FORBID + 'when { resource.tlp == "RED" && resource.tlp == "CLEAR" };',
        "no case is decided by it",
    ),
}


@pytest.mark.parametrize("mistake", DOUBTFUL_RULES)
def test_a_rule_that_is_wrong_though_cedar_takes_it_is_an_error(mistake, bundle, lali):
    rule, told = DOUBTFUL_RULES[mistake]
    plant(bundle, rule)

    code, out, err = lali("policy", "check", "--bundle", bundle)

    assert (code, err) == (1, "")
    assert f"error: planted.cedar planted: {told}" in out.splitlines()


def test_a_rule_that_says_what_another_says_is_an_error(bundle, lali):
    rules = (bundle / "rules" / "originator-control.cedar").read_text()
    body = rules.partition('@id("tlp-unknown")')[2].partition("\n@id")[0]
    plant(bundle, '@id("planted")' + body)

    code, out, _ = lali("policy", "check", "--bundle", bundle)

    assert code == 1
    assert "error: planted.cedar planted: says the same as tlp-unknown" in out.splitlines()


def test_a_permit_for_everybody_and_everything_is_a_warning(bundle, lali):
    plant(bundle, NOTES + 'permit (principal, action == Lali::Action::"receive", resource);')

    _, out, _ = lali("policy", "check", "--bundle", bundle)

    where = "warning: planted.cedar planted: permits whatever the "
    assert {f"{where}purpose of the feed", f"{where}alert says"} <= set(out.splitlines())


def test_machines_read_the_findings_from_one_line(bundle, lali):
    plant(bundle, NOTES + FORBID + 'when { resource.tlp == "AMBRE" };')

    code, out, _ = lali("policy", "check", "--bundle", bundle, "--json")

    (line,) = out.splitlines()
    told = json.loads(line)
    assert (code, told["errors"]) == (1, len(told["findings"]))
    assert {
        "severity": "error",
        "where": "planted.cedar planted",
        "text": "no code is called AMBRE",
    } in told["findings"]


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
    "fact": (CASE + "facts = { late = true }", "planted.toml: odd: facts are expired, embargoed"),
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


@pytest.mark.parametrize("gone", ["", "community.toml", "schema.cedarschema", "rules"])
def test_what_is_missing_is_named(gone, bundle, lali):
    path = bundle / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", bundle)
        assert (code, out) == (2, "")
        assert (gone or "no such folder") in err


#: How many feeds receive, where the sample is about just that: drill feeds, and who is named.
WHO_RECEIVES = {"exercise": 2, "red-named": 1}


@pytest.mark.parametrize("sample", sorted(each.stem for each in SAMPLES.glob("*.json")))
def test_who_answers_for_every_feed_and_shows_no_value_of_the_alert(sample, lali):
    file = SAMPLES / f"{sample}.json"
    code, out, err = lali(
        "policy", "who", "--alert", file, "--at", DURING, "--bundle", PACIFIC, "--json"
    )

    assert (code, err) == (0, "")
    rows = json.loads(out)["feeds"]
    assert len({row["feed"] for row in rows}) == len(rows) > 40
    for row in rows:
        assert not set(row["sees"]) & set(row["withheld"])
        assert (row["reason"] is None) == (row["verdict"] == "RELEASE")
        assert row["rules"] or row["reason"] == "NO_RULE_PERMITS"
    released = [row["feed"] for row in rows if row["verdict"] == "RELEASE"]
    assert len(released) == WHO_RECEIVES.get(sample, len(released))


def test_who_tells_people_the_same_as_machines(lali):
    words = ("policy", "who", "--alert", SAMPLES / "red-named.json", "--at", DURING)
    _, out, _ = lali(*words, "--bundle", PACIFIC, "--json")
    rows = json.loads(out)["feeds"]

    code, text, _ = lali(*words, "--bundle", PACIFIC)

    assert code == 0
    assert f"1 of {len(rows)} feeds would receive it" in text.splitlines()[0]
    for row in rows:
        assert re.search(rf"\b{row['feed']}\b", text)


def test_who_asks_at_the_moment_that_is_given(lali):
    words = ("policy", "who", "--alert", SAMPLES / "fishing-crew.json", "--bundle", PACIFIC)

    _, then, _ = lali(*words, "--at", DURING, "--json")
    _, later, _ = lali(*words, "--at", "2099-01-01T00:00:00Z", "--json")

    assert {row["verdict"] for row in json.loads(then)["feeds"]} == {"RELEASE", "WITHHOLD"}
    assert {row["reason"] for row in json.loads(later)["feeds"]} == {"EXPIRED"}


@pytest.mark.parametrize("at", ["Mere-of-Apia", "2026-06-01T00:00:00", "2026-13-01T00:00:00Z", ""])
def test_a_moment_that_is_none_is_refused_and_not_repeated(at, lali):
    code, out, err = lali(
        "policy", "who", "--alert", SAMPLES / "cancel.json", "--at", at, "--bundle", PACIFIC
    )
    assert (code, out) == (2, "")
    assert err == "lali: --at takes a date with its zone, such as 2026-06-01T00:00:00Z\n"


def test_who_refuses_what_it_cannot_answer_in_one_line(tmp_path, lali):
    spoilt = tmp_path / "spoilt.json"
    spoilt.write_text('{"alert_id": "Mere of Apia", "tlp": ')
    sample = SAMPLES / "cancel.json"
    for alert, feed, code in ((spoilt, "", 1), (tmp_path / "no.json", "", 1), (sample, "no", 2)):
        more = ("--feed", feed) if feed else ()
        ended, out, err = lali("policy", "who", "--alert", alert, "--bundle", PACIFIC, *more)
        assert (ended, out, err.count("\n")) == (code, "", 1)
        assert "Mere" not in err
