"""`lali policy check` and `test`: what a mistake in a bundle makes them say."""

import json
import re
import shutil

import pytest
from policy_views import ordinary

from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.directory import read_directory
from broker.policy.facts import Facts
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


@pytest.mark.parametrize("gone", ["", "community.toml", "schema.cedarschema", "rules"])
def test_what_is_missing_is_named(gone, bundle, lali):
    path = bundle / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    for command in ("check", "test"):
        code, out, err = lali("policy", command, "--bundle", bundle)
        assert (code, out) == (2, "")
        assert (gone or "no such folder") in err
