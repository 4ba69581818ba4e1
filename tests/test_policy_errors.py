"""A rule that Cedar's type check passes and that fails when asked: nobody receives."""

import pytest
from policy_views import ordinary
from region import failing_bundle

from broker.model.decision import Verdict
from broker.model.reason import Reason
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.facts import Facts

NOW = Facts()


@pytest.fixture
def folder(tmp_path):
    """The Pacific bundle with a rule that overflows for alerts about logging."""
    return failing_bundle(tmp_path / "pacific").folder


FAILS = {"sectors": ("LOGGING",)}


@pytest.mark.parametrize("facts", [NOW, Facts(expired=True), Facts(embargoed=True)])
@pytest.mark.parametrize("status", ["ACTUAL", "EXERCISE"])
def test_every_feed_is_told_nothing_and_no_guard_hides_the_error(folder, status, facts):
    decider = Decider(load_bundle(folder))

    plan = decider.plan(ordinary(status=status, **FAILS), facts)

    (group,) = plan.groups
    assert {each.feed for each in group.recipients} == set(decider.bundle.community.feeds)
    assert group.outcome.verdict is Verdict.WITHHOLD
    assert group.outcome.reason is Reason.POLICY_ERROR
    assert group.outcome.compartments == 0
    assert group.outcome.rules == group.outcome.held == ()


def test_an_alert_that_the_rule_does_not_err_on_is_decided_before_and_after(folder):
    decider, without = Decider(load_bundle(folder)), _repaired(folder)

    before = decider.outcomes(ordinary(), NOW)
    decider.plan(ordinary(**FAILS), NOW)

    assert decider.outcomes(ordinary(), NOW) == before == without.outcomes(ordinary(), NOW)


def test_an_error_is_not_remembered_and_ends_with_the_bundle_that_caused_it(folder):
    decider = Decider(load_bundle(folder))
    view = ordinary(**FAILS)
    failed = [decider.plan(view, NOW) for _ in range(2)]
    assert failed[0] is not failed[1]
    assert not decider._plans

    repaired = _repaired(folder)
    plan = repaired.plan(view, NOW)

    assert {group.outcome.reason for group in plan.groups} != {Reason.POLICY_ERROR}
    assert any(group.outcome.verdict is Verdict.RELEASE for group in plan.groups)
    assert plan.bundle_digest != failed[0].bundle_digest


def test_a_rule_that_errs_for_one_action_only_withholds_the_others_too(folder):
    file = folder / "rules" / "failing.cedar"
    file.write_text(
        file.read_text().replace(
            'action in Lali::Action::"everything"', 'action == Lali::Action::"see_evidence"'
        )
    )
    decider = Decider(load_bundle(folder))

    outcomes = decider.outcomes(ordinary(**FAILS), NOW)

    assert {outcome.reason for outcome in outcomes.values()} == {Reason.POLICY_ERROR}


def _repaired(folder):
    (folder / "rules" / "failing.cedar").unlink()
    return Decider(load_bundle(folder))
