"""The decider is Cedar: cache, slices and shared looks change nothing but the time it takes."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import cedarpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_oracle import Oracle
from policy_rules import CONDITIONS, RULES, numbered
from policy_views import FACTS, NOWHERE, PACIFIC, ordinary, sees, small_bundle, views

from broker.model.compartment import ALL_COMPARTMENTS
from broker.model.decision import Plan
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.facts import Facts
from broker.wire.plan_codec import decode_plan, encode_plan

DECIDER = Decider(load_bundle(PACIFIC))
ORACLE = Oracle(DECIDER)
VIEWS = views(DECIDER)
MANY = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])


def by_feed(plan: Plan):
    return {r.feed: group.outcome for group in plan.groups for r in group.recipients}


def without_timer(outcomes):
    return {f: replace(o, acknowledge_within_seconds=None) for f, o in outcomes.items()}


def small(rules: str, **files: str) -> Decider:
    with tempfile.TemporaryDirectory() as folder:
        return Decider(small_bundle(Path(folder) / "bundle", rules, **files))


def decider_and_oracle(rules: str):
    with tempfile.TemporaryDirectory() as folder:
        decider = Decider(small_bundle(Path(folder) / "bundle", rules))
        return decider, Oracle(decider)


SMALL = small('@id("r") permit (principal, action, resource);')
SMALL_VIEWS = views(SMALL)


@MANY
@given(VIEWS, FACTS)
def test_the_pacific_bundle_decides_as_cedar_does_without_cache_and_slices(view, facts):
    planned = by_feed(DECIDER.plan(view, facts))
    assert planned == DECIDER.outcomes(view, facts)
    assert without_timer(planned) == ORACLE.outcomes(view, facts)


@settings(MANY, max_examples=80)
@given(st.lists(RULES, min_size=1, max_size=6), st.lists(st.tuples(SMALL_VIEWS, FACTS), min_size=4))
def test_any_bundle_decides_as_cedar_does_without_cache_and_slices(rules, asked):
    decider, oracle = decider_and_oracle(numbered(rules))
    for view, facts in asked + asked[::-1]:
        planned = by_feed(decider.plan(view, facts))
        assert planned == oracle.outcomes(view, facts)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_each_way_of_reading_a_request_is_in_the_key(condition):
    # One decider, so that a second view meets the plan of the first.
    rule = f'@id("r") permit (principal, action, resource) when {{ {condition} }};'
    decider, oracle = decider_and_oracle(rule)
    draw = random.Random(condition)
    base = {"tlp": "AMBER", "status": "ACTUAL"}
    pools = {
        "minor": ["YES", "NO"], "caveats": [(), ("ORCON",)], "at_risk": ["YES", "NO"],
        "severity": ["EXTREME", "MINOR"], "countries_transit": [("FJ",), ("WS", "TO"), ()],
        "releasable_to": [("ring",), ("south-a",), ("north",), ()],
        "not_releasable_to": [("ring",), ("south",), ()], "exploitation": [("OTHER",), ()],
        "named_recipients": [("north-a",), ("south-b",), ()], "sectors": [("OTHER",), ()],
        "originator": ["north-a", "north-b", "south-a", "south-b"],
        "purposes": [("INVESTIGATE",), ("BORDER_RISK",), ()],
    }  # fmt: skip
    for _ in range(60):
        view = ordinary(**base, **{name: draw.choice(pool) for name, pool in pools.items()})
        filled = draw.choice([0, 1 << 3, 1 << 2, 1 << 4 | 1 << 7, ALL_COMPARTMENTS])
        facts = Facts(expired=False, embargoed=draw.random() < 0.1, filled=filled)
        assert by_feed(decider.plan(view, facts)) == oracle.outcomes(view, facts)


@given(VIEWS, FACTS, st.data())
def test_what_no_rule_reads_changes_no_plan(view, facts, data):
    unread = sorted(set(view) - DECIDER.read_set)
    other = data.draw(VIEWS)
    changed = view | {name: other[name] for name in unread}
    assert DECIDER.plan(changed, facts) is DECIDER.plan(view, facts)
    assert DECIDER.outcomes(changed, facts) == DECIDER.outcomes(view, facts)


def test_every_attribute_that_a_rule_reads_is_in_the_read_set():
    text = "\n".join(file.read_text() for file in (PACIFIC / "rules").glob("*.cedar"))
    named = {name for name in ordinary() if f"resource.{name}" in text}
    assert named <= DECIDER.read_set
    assert {"alert_id", "revision", "originated_at", "expires_at"}.isdisjoint(DECIDER.read_set)


@settings(MANY, max_examples=60)
@given(
    st.lists(RULES, min_size=2, max_size=8), SMALL_VIEWS, FACTS, st.randoms(use_true_random=False)
)
def test_the_order_of_rules_never_matters(rules, view, facts, shuffle):
    lines = numbered(rules).splitlines()
    shuffled = lines.copy()
    shuffle.shuffle(shuffled)
    first, second = small("\n".join(lines)), small("\n".join(shuffled))
    assert first.outcomes(view, facts) == second.outcomes(view, facts)


@settings(MANY, max_examples=60)
@given(st.lists(RULES, min_size=1, max_size=5), RULES, SMALL_VIEWS, FACTS)
def test_one_more_forbid_never_releases_more(rules, added, view, facts):
    forbid = "forbid" + added.removeprefix('@hold("two-person") ').removeprefix("permit")
    forbid = forbid if not added.startswith("forbid") else added
    before = small(numbered(rules)).outcomes(view, facts)
    after = small(numbered([*rules, forbid])).outcomes(view, facts)
    for feed, outcome in after.items():
        assert sees(outcome) <= sees(before[feed])


@settings(MANY, max_examples=60)
@given(st.lists(RULES, min_size=1, max_size=5), SMALL_VIEWS, FACTS)
def test_a_held_permit_releases_nothing(rules, view, facts):
    held = ['@hold("two-person") ' + r if r.startswith("permit") else r for r in rules]
    for outcome in small(numbered(held)).outcomes(view, facts).values():
        assert sees(outcome) == set()


@given(VIEWS, FACTS)
def test_a_plan_and_its_digest_follow_from_view_and_bundle_alone(view, facts):
    fresh = FRESH.plan(view, facts)
    FRESH._plans.clear()
    plan = DECIDER.plan(view, facts)
    assert fresh == plan
    assert decode_plan(encode_plan(plan)) == plan
    names = [r.feed for group in plan.groups for r in group.recipients]
    assert sorted(names) == sorted(DECIDER.bundle.community.feeds)


FRESH = Decider(load_bundle(PACIFIC))


@given(st.lists(st.tuples(VIEWS, FACTS), min_size=2, max_size=5))
def test_what_was_asked_before_changes_no_plan(asked):
    there, back = Decider(DECIDER.bundle), Decider(DECIDER.bundle)
    plans = [there.plan(view, facts).digest for view, facts in asked]
    assert plans == [back.plan(view, facts).digest for view, facts in reversed(asked)][::-1]


@settings(MANY, max_examples=50)
@given(RULES, RULES, SMALL_VIEWS, FACTS)
def test_two_bundles_never_share_a_plan(one, other, view, facts):
    first, second = small(f'@id("r") {one}'), small(f'@id("r") {other}')
    plans = first.plan(view, facts), second.plan(view, facts)
    same = one == other
    assert (first.bundle.digest == second.bundle.digest) is same
    assert (plans[0].digest == plans[1].digest) is same
    assert plans[0].bundle_digest == first.bundle.digest


@given(VIEWS, FACTS)
def test_lists_in_another_order_or_twice_are_the_same_label(view, facts):
    turned = {k: v[::-1] * 2 if isinstance(v, tuple) else v for k, v in view.items()}
    assert DECIDER.plan(turned, facts) is DECIDER.plan(view, facts)


@given(VIEWS, FACTS)
def test_a_value_outside_its_list_decides_as_unknown(view, facts):
    def known(value):
        return "UNKNOWN" if value == NOWHERE else value

    named = {k: tuple(map(known, v)) if isinstance(v, tuple) else known(v) for k, v in view.items()}
    assert DECIDER.plan(named, facts) is DECIDER.plan(view, facts)


def test_the_cache_forgets_the_oldest_first_and_stays_bounded(monkeypatch):
    monkeypatch.setattr("broker.policy.decide._PLANS_KEPT", 2)
    decider = Decider(DECIDER.bundle)
    first, second, third = (ordinary(tlp=tlp) for tlp in ("CLEAR", "GREEN", "AMBER"))
    kept = decider.plan(first, Facts())
    decider.plan(second, Facts())
    assert decider.plan(first, Facts()) is kept
    newest = decider.plan(third, Facts())
    assert len(decider._plans) == 2
    assert decider.plan(third, Facts()) is newest
    assert decider.plan(first, Facts()) is kept


def test_slices_hold_a_forbid_on_a_group_however_the_schema_writes_the_group():
    schema = (PACIFIC / "schema.cedarschema").read_text()
    bare = schema.replace('[Action::"everything"]', 'Action::"everything"')
    bare = bare.replace('[Action::"see_anything"]', 'Action::"see_anything"')
    assert bare.count('in Action::"everything"') == 2
    decider = small(
        '@id("p") permit (principal, action, resource);'
        '@id("f") forbid (principal, action in Lali::Action::"everything", resource);',
        schema=bare,
    )
    for outcome in decider.outcomes(ordinary(originator="north-a"), Facts()).values():
        assert sees(outcome) == set()
        assert outcome.rules == ("f",)


def test_a_slice_holds_just_the_rules_whose_scope_can_match():
    rules = DECIDER.bundle.rules
    held = {rule.id for rule in rules.rules if rule.held}
    for action in ("receive", "see_victims", "see_summary", "see_source"):
        sliced = set(rules.slice(action).to_pst().static_policies)
        matching = {rule.id for rule in rules.rules if _scope_matches(rule, action)}
        assert sliced == matching - held


def _scope_matches(rule, action) -> bool:
    """Ask Cedar whether the rule's scope alone, its conditions left out, matches *action*."""
    t = rule.template
    anyone = cedarpy.pst.ScopeAny()
    bare = cedarpy.pst.Template("x", "permit", anyone, t.action, anyone, (), {})
    policies = cedarpy.PolicySet.from_pst(cedarpy.pst.PolicySet({}, {"x": bare}, ()))
    request = {
        "principal": 'Lali::Unit::"u"', "action": f'Lali::Action::"{action}"',
        "resource": 'Lali::Alert::"alert"',
        "context": {"purpose": "", "operational": True, "expired": False, "embargoed": False},
    }  # fmt: skip
    schema = DECIDER.bundle.schema
    entities = cedarpy.Entities.from_json_str("[]", schema)
    answer = cedarpy.is_authorized(request, policies, entities, schema)
    return answer.decision is cedarpy.Decision.Allow
