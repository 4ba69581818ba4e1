"""What a decider does at its edges: a bundle that fails for somebody, and feeds nobody has."""

import pytest
from policy_views import SMALL_COMMUNITY, ordinary, sees, small_bundle

from broker.model.decision import Verdict
from broker.model.reason import Reason
from broker.policy.decide import Decider
from broker.policy.facts import Facts

PERMIT = '@id("p") permit (principal, action, resource);'
#: Cedar's type check passes it; for a TCU it overflows when it is asked.
FAILS_FOR_TCUS = (
    '@id("f") forbid (principal, action, resource) '
    'when { principal.kind == "TCU" && 9223372036854775807 + 1 > 0 };'
)
#: Reads the alert as a whole, so that the key holds all of it.
READS_THE_WHOLE = (
    '@id("w") permit (principal, action, resource) '
    'when { resource == Lali::Alert::"alert" && !context.expired };'
)
VIEW = ordinary(originator="north-a")


@pytest.fixture
def decider(tmp_path):
    return lambda rules: Decider(small_bundle(tmp_path / "bundle", rules))


def test_a_bundle_that_fails_for_one_unit_is_trusted_for_none(decider):
    assert any(sees(each) for each in decider(PERMIT).outcomes(VIEW, Facts()).values())

    failing = decider(PERMIT + FAILS_FOR_TCUS)

    outcomes = failing.outcomes(VIEW, Facts())
    assert set(outcomes) == set(failing.bundle.community.feeds)
    assert {(each.verdict, each.compartments, each.reason) for each in outcomes.values()} == {
        (Verdict.WITHHOLD, 0, Reason.POLICY_ERROR)
    }


def test_a_plan_that_failed_is_asked_for_again(decider):
    failing, sound = decider(PERMIT + FAILS_FOR_TCUS), decider(PERMIT)

    assert failing.plan(VIEW, Facts()) is not failing.plan(VIEW, Facts())
    assert sound.plan(VIEW, Facts()) is sound.plan(VIEW, Facts())


def test_a_feed_that_nobody_has_receives_nothing_where_all_others_do(decider):
    sound = decider(PERMIT)

    decision = sound.decide("f99", VIEW, Facts())

    assert sees(sound.decide("f1", VIEW, Facts()).outcome)
    assert decision.recipient.feed == "f99"
    assert decision.outcome.verdict is Verdict.WITHHOLD
    assert (decision.outcome.compartments, decision.outcome.reason) == (0, Reason.NO_RULE_PERMITS)


def test_each_feed_gets_its_own_decision(decider):
    sound = decider('@id("p") permit (principal == Lali::Unit::"north-a", action, resource);')

    outcomes = sound.outcomes(VIEW, Facts())

    decided = {feed: sound.decide(feed, VIEW, Facts()) for feed in outcomes}
    assert {feed: each.outcome for feed, each in decided.items()} == outcomes
    assert all(each.recipient.feed == feed for feed, each in decided.items())
    assert {feed for feed, each in decided.items() if sees(each.outcome)} == {"f1", "f6"}


def test_a_rule_that_reads_the_whole_alert_does_not_hide_the_moment_from_the_key(decider):
    reading = decider(READS_THE_WHOLE)

    before = reading.plan(VIEW, Facts())
    after = reading.plan(VIEW, Facts(expired=True))

    assert any(sees(group.outcome) for group in before.groups)
    assert not any(sees(group.outcome) for group in after.groups)


def test_where_a_rule_reads_the_whole_alert_every_attribute_is_in_the_key(decider):
    reading, sparing = decider(READS_THE_WHOLE), decider(PERMIT)
    other = VIEW | {"severity": "MINOR" if VIEW["severity"] != "MINOR" else "SEVERE"}

    assert sparing.plan(VIEW, Facts()) is sparing.plan(other, Facts())
    assert reading.plan(VIEW, Facts()) is not reading.plan(other, Facts())


@pytest.mark.parametrize("first", [True, False])
def test_feeds_alike_but_for_being_operational_share_no_outcome(tmp_path, first):
    # Feeds are asked in the order of their ids: each of the two comes first once.
    ids = ("a-live", "b-drill") if first else ("b-live", "a-drill")
    more = "".join(
        f'  {{ id = "{name}", unit = "south-b", purpose = "DISRUPT", operational = {live} }},\n'
        for name, live in zip(ids, ("true", "false"), strict=True)
    )
    community = SMALL_COMMUNITY.replace("feeds = [\n", f"feeds = [\n{more}")
    rule = '@id("p") permit (principal, action, resource) when { context.operational };'
    deciding = Decider(small_bundle(tmp_path / "bundle", rule, community=community))

    outcomes = deciding.outcomes(VIEW, Facts())

    assert sees(outcomes[ids[0]])
    assert not sees(outcomes[ids[1]])


def test_a_plan_names_those_who_receive_first(decider):
    late = decider('@id("p") permit (principal == Lali::Unit::"south-b", action, resource);')

    groups = late.plan(VIEW, Facts()).groups

    assert [bool(sees(group.outcome)) for group in groups] == [True, False]


def test_an_alert_that_cedar_cannot_take_is_withheld_from_everybody(decider, monkeypatch):
    sound = decider(PERMIT)
    monkeypatch.setattr("broker.policy.decide.alert_entity", lambda _reduced, _filled: "[{]")

    reasons = {each.reason for each in sound.outcomes(VIEW, Facts()).values()}

    assert reasons == {Reason.POLICY_ERROR}
