"""A value that nobody knows releases no more than any known one."""

import pytest
from hypothesis import assume, given, settings
from pacific_decider import DECIDER, FEW, NOW, URGENT, decided
from policy_views import FACTS, listed, ordinary, sees, views

from broker.model.reason import Reason
from broker.policy.entities import ATTRIBUTES

FEWER = settings(FEW, max_examples=12)

#: A child's case has a feed of its own; elsewhere an unknown age is exactly a child's.
_PLURAL = [n for n, c in ATTRIBUTES.items() if c and isinstance(ordinary()[n], tuple)]
_SINGLE = [n for n, c in ATTRIBUTES.items() if c and n not in (*_PLURAL, "minor")]


@pytest.mark.parametrize("name", _SINGLE)
@FEWER
@given(view=views(DECIDER, **URGENT) | views(DECIDER))
def test_an_unknown_value_releases_no_more_than_any_known_one(name, view):
    unknown = DECIDER.outcomes(view | {name: "NO_SUCH_CODE"}, NOW)
    for code in listed(ATTRIBUTES[name]):
        known = DECIDER.plan(view | {name: code}, NOW)
        for group in known.groups:
            for recipient in group.recipients:
                assert sees(unknown[recipient.feed]) <= sees(group.outcome)


@pytest.mark.parametrize("name", _PLURAL)
@FEWER
@given(view=views(DECIDER, **URGENT) | views(DECIDER))
def test_an_unknown_entry_of_a_list_opens_nothing(name, view):
    before = DECIDER.outcomes(view, NOW)
    assume(name != "purposes" or view[name])
    for feed, outcome in decided(view | {name: (*view[name], "NO_SUCH_CODE")}):
        assert sees(outcome) <= sees(before[feed])


@FEW
@given(views(DECIDER))
def test_unknown_age_is_a_childs(view):
    child, unknown = (DECIDER.plan(view | {"minor": minor}, NOW) for minor in ("YES", "UNKNOWN"))
    assert child.digest == unknown.digest


@FEW
@given(views(DECIDER), FACTS)
def test_an_originator_that_nobody_knows_releases_nothing(view, facts):
    plan = DECIDER.plan(view | {"originator": "nobody-known"}, facts)
    assert [group.outcome.reason for group in plan.groups] == [Reason.POLICY_ERROR]
