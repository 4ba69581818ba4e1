"""A value that nobody knows releases no more than any known one."""

import pytest
from hypothesis import assume, given, settings
from pacific_decider import DECIDER, FEW, NOW, URGENT, decided
from policy_views import FACTS, listed, ordinary, sees, views

from broker.model.codes import Purpose
from broker.model.reason import Reason
from broker.policy.entities import ATTRIBUTES

FEWER = settings(FEW, max_examples=12)

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
def test_unknown_age_shows_nobody_more_than_a_childs_and_less_only_to_who_protects_children(view):
    """A desk that protects children sees more where it is known that one is concerned."""
    child, unknown = (DECIDER.outcomes(view | {"minor": m}, NOW) for m in ("YES", "UNKNOWN"))
    for feed, outcome in unknown.items():
        assert sees(outcome) <= sees(child[feed])
        if sees(outcome) != sees(child[feed]):
            assert DECIDER.bundle.community.feeds[feed].purpose is Purpose.CHILD_PROTECTION


@FEW
@given(views(DECIDER), FACTS)
def test_an_originator_that_nobody_knows_releases_nothing(view, facts):
    plan = DECIDER.plan(view | {"originator": "nobody-known"}, facts)
    assert [group.outcome.reason for group in plan.groups] == [Reason.POLICY_ERROR]
