"""`lali policy check` and `test`: what a rule that is wrong, or a missing file, makes them say."""

import json
import re
import shutil

import pytest

from broker.resources import shipped

PACIFIC = shipped("policies") / "pacific"
pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked:UserWarning")
NOTES = '@id("planted") @why("Planted.") @legal_basis("None: synthetic.")\n'
FORBID = 'forbid (principal, action in Lali::Action::"everything", resource)\n'


def plant(bundle, rule):
    (bundle / "rules" / "planted.cedar").write_text(rule)


def test_the_pacific_bundle_has_no_errors_and_all_its_cases_hold(lali):
    code, out, err = lali("policy", "check", "--bundle", PACIFIC)
    assert (code, err) == (0, "")
    assert ": 0 errors, " in out.splitlines()[-1]

    code, out, err = lali("policy", "test", "--bundle", PACIFIC)
    assert (code, err) == (0, "")
    cases, failed, decided, rules = map(int, re.findall(r"\d+", out))
    assert cases > failed == 0
    assert decided == rules


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


@pytest.mark.parametrize("gone", ["", "community.toml", "schema.cedarschema", "rules"])
def test_what_is_missing_is_named(gone, bundle, lali):
    path = bundle / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", bundle)
        assert (code, out) == (2, "")
        assert (gone or "no such folder") in err
