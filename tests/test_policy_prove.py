"""`lali policy prove`: properties over all labels, counterexamples, what cannot be translated."""

import json
import subprocess
import sys

import pytest
from policy_views import PACIFIC, SMALL_COMMUNITY, small_bundle

pytest.importorskip("z3")

from broker.policy.bundle import load_bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.proof.properties import read_properties
from broker.policy.proof.proving import prove
from broker.policy.proof.telling import as_case, in_words
from broker.resources import shipped

_RECEIVE = 'permit (principal, action in Lali::Action::"everything", resource)'
#: Police see everything; a property may say that this is too much.
_POLICE = (
    f'@id("police") {_RECEIVE} when {{ principal.kind == "POLICE" && resource.tlp == "AMBER" }};'
)


def proofs(folder, rules, never):
    small_bundle(folder, rules)
    (folder / "never").mkdir()
    (folder / "never" / "all.cedar").write_text(never)
    bundle = load_bundle(folder)
    return bundle, prove(bundle, read_properties(bundle))


def may(condition, actions='action in Lali::Action::"everything"'):
    return f'@id("p") @why("w") permit (principal, {actions}, resource) when {{ {condition} }};'


@pytest.mark.parametrize("name", sorted(each.name for each in shipped("policies").iterdir()))
def test_every_property_of_a_shipped_bundle_is_proved(name):
    bundle = load_bundle(PACIFIC.parent / name)
    properties = read_properties(bundle)
    found = prove(bundle, properties)
    told = [in_words(one.request, one.released, one.rules) for one in found.refuted]
    assert (told, found.not_translated) == ([], [])
    assert found.proved == [one.id for one in properties.all]
    assert found.seconds < 10


def test_what_holds_is_proved(tmp_path):
    _, found = proofs(tmp_path, _POLICE, may('resource.tlp != "GREEN"'))
    assert found.proved == ["p"]


def test_a_counterexample_is_what_the_engine_decides_and_is_kept_as_a_case(tmp_path):
    bundle, found = proofs(tmp_path, _POLICE, may('resource.minor == "NO"'))
    (refuted,) = found.refuted
    assert (refuted.confirmed, refuted.world) == (True, "this community")
    assert refuted.rules == ("police",)
    assert refuted.request.view["minor"] != "NO"
    assert "minor is" in in_words(refuted.request, refuted.released, refuted.rules)
    case = as_case(refuted.request, refuted.released, "kept")
    (tmp_path / "cases" / "all.toml").write_text(case)
    assert [bool(tried.differences) for tried in try_cases(Decider(bundle))] == [True]
    mended = _POLICE.replace("when {", 'when { resource.minor == "NO" &&')
    (tmp_path / "rules" / "all.cedar").write_text(mended)
    assert not any(tried.differences for tried in try_cases(Decider(load_bundle(tmp_path))))


def test_what_holds_here_alone_is_refuted_by_a_community_made_up_for_it(tmp_path):
    # Here every police unit is north's; elsewhere one need not be.
    never = may('principal.organisation == "north"')
    _, found = proofs(tmp_path, _POLICE, never)
    (refuted,) = found.refuted
    assert (refuted.confirmed, refuted.world) == (True, "any community")
    assert as_case(refuted.request, refuted.released, "kept") is None
    assert "a POLICE unit" in in_words(refuted.request, refuted.released, refuted.rules)


def test_names_that_are_no_units_are_dropped_before_rules_see_them(tmp_path):
    named = "resource.named_recipients.containsAny(principal.names)"
    rule = f'@id("named") {_RECEIVE} when {{ {named} }};'
    named = 'resource.named_recipients.contains("ring")'
    _, found = proofs(tmp_path, rule, may(f"!{named}"))
    assert found.proved == ["p"]


def test_held_permits_release_nothing_and_guards_stand_behind_every_rule(tmp_path):
    rules = f'@id("held") @hold("two-person") {_RECEIVE}; {_POLICE.replace("AMBER", "RED")}'
    never = may('resource.tlp == "RED" && !context.expired && !context.embargoed')
    _, found = proofs(tmp_path, rules, never)
    assert found.proved == ["p"]


@pytest.mark.parametrize(
    "condition",
    [
        'resource.tlp like "AM*"',
        'principal has country && principal.country like "F*"',
        'ip("10.0.0.1").isLoopback()',
        "1 + 1 == 2",
        "resource.releasable_to == resource.not_releasable_to",
    ],
)
def test_a_construct_that_is_not_known_stops_the_proof(tmp_path, condition):
    rule = f'@id("odd") {_RECEIVE} when {{ {condition} }};'
    _, found = proofs(tmp_path, rule, may("true"))
    assert found.proved == []
    assert found.not_translated[0].startswith("odd: ")


def test_a_property_that_forbids_or_repeats_is_refused(tmp_path):
    never = may("true") + may("true").replace("permit", "forbid")
    run = _lali("prove", "--bundle", str(_written(tmp_path, never)))
    assert run.returncode == 2
    assert "a property permits what may be" in run.stderr + run.stdout


def test_json_is_one_object_on_the_last_line():
    run = _lali("prove", "--json", "--bundle", str(PACIFIC))
    told = json.loads(run.stdout.splitlines()[-1])
    assert run.returncode == 0, run.stderr
    assert told["properties"] == told["proved"] > 0
    assert (told["refuted"], told["not_translated"]) == (0, 0)
    assert told["seconds"] >= 0


def test_without_a_solver_one_line_says_what_to_install():
    code = "import sys; sys.modules['z3'] = None; from broker.cli import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", code, "policy", "prove", "--bundle", str(PACIFIC)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert "lali[prove]" in run.stderr
    assert "Traceback" not in run.stderr


def _written(folder, never):
    small_bundle(folder, _POLICE, community=SMALL_COMMUNITY)
    (folder / "never").mkdir()
    (folder / "never" / "all.cedar").write_text(never)
    return folder


def _lali(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "broker", "policy", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
