"""Who spoke in confidence or without consent, and of whom, must never reach those outside."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pacific_decider import COMMUNITY, COUNTRIES, DECIDER, FEEDS, FEW, URGENT, released, unit_of
from policy_views import FACTS, ordinary, views

from broker.model import codes

TOLD = {"source_type": st.sampled_from(["CIVIL_SOCIETY", "HOTLINE", "VICTIM", "UNKNOWN", "X"])}
BY_CIVIL_SOCIETY = {"originator": st.sampled_from(["lagoon-house", "reef-helpline"])}
TELLS_WHO = {"victims", "source", "contact", "evidence", "documents", "summary", "assessment"}


@FEW
@given(views(DECIDER) | views(DECIDER, **URGENT), FACTS)
def test_enforcement_never_sees_a_victim_nor_what_was_told_in_confidence(view, facts):
    told = view["source_type"] not in ("AGENCY", "OPEN_SOURCE")
    by_civil_society = COMMUNITY.units[view["originator"]].kind.value == "CIVIL_SOCIETY"
    for feed, seen in released(view, facts):
        if FEEDS[feed].purpose is codes.Purpose.IMMIGRATION_ENFORCEMENT:
            assert seen <= {"receive", "suspects", "conveyances"}
            assert not told
            assert not by_civil_society
            assert view["minor"] == "NO"
            assert "NO_IMMIGRATION_ENFORCEMENT" not in view["caveats"]


@FEW
@given(
    views(DECIDER, **URGENT, **TOLD)
    | views(DECIDER, **URGENT, **BY_CIVIL_SOCIETY)
    | views(DECIDER, **TOLD)
)
@example(
    ordinary(
        originator="lagoon-house",
        source_type="AGENCY",
        at_risk="YES",
        consent="GIVEN",
        consent_scope=("IMMIGRATION",),
        countries_destination=COUNTRIES,
    )
)
def test_no_immigration_feed_ever_sees_a_victim_that_civil_society_told_of(view):
    for feed, seen in released(view):
        if unit_of(feed).kind is codes.RecipientClass.IMMIGRATION and FEEDS[feed].operational:
            named = unit_of(feed).id in view["named_recipients"] and view["tlp"] == "RED"
            assert named or not seen & {"victims", "victim_profile", "source", "contact"}


@FEW
@given(
    st.one_of(views(DECIDER, **URGENT, **told) for told in (TOLD, BY_CIVIL_SOCIETY)),
    st.sampled_from(["REFUSED", "WITHDRAWN", "NOT_ASKED", "NOT_CAPABLE", "UNKNOWN", "X"]),
)
def test_without_consent_nobody_outside_learns_who_spoke_or_of_whom(view, consent):
    originator = COMMUNITY.units[view["originator"]]
    # Policy 4: where an agency was told of a child, its best interests stand in place of consent,
    # at the desk that protects it; and even there nobody learns who spoke. Somebody of unknown
    # age may be an adult, who can be asked.
    told_agency = originator.kind.value != "CIVIL_SOCIETY" and view["source_type"] in (
        "HOTLINE", "VICTIM",
    )  # fmt: skip
    for feed, seen in released(view | {"consent": consent}):
        protects = view["minor"] == "YES" and "child-protection" in unit_of(feed).duties
        best_interests = told_agency and protects and "source" not in seen
        inside = unit_of(feed).organisation == originator.organisation
        assert inside or best_interests or not seen & TELLS_WHO


@pytest.mark.parametrize("source_type", ["HOTLINE", "VICTIM", "CIVIL_SOCIETY", "UNKNOWN"])
@pytest.mark.parametrize("consent", ["REFUSED", "NOT_ASKED", "NOT_CAPABLE", "NOT_APPLICABLE"])
def test_10_18_a_name_for_red_tells_nobody_who_spoke_of_a_child(source_type, consent):
    every = tuple(sorted(COMMUNITY.units))
    told = ordinary(
        originator="fiji-police", source_type=source_type, consent=consent, minor="YES", tlp="RED",
        named_recipients=every, releasable_to=every, consent_scope=tuple(codes.RecipientClass),
    )  # fmt: skip
    seen = {feed: parts for feed, parts in released(told) if unit_of(feed).country != "FJ"}

    assert "samoa-child-protection-desk" in seen
    # A hotline's and the child's own words reach the desk; who spoke reaches nobody.
    direct = source_type in ("HOTLINE", "VICTIM")
    assert ("victims" in seen["samoa-child-protection-desk"]) is direct
    assert [feed for feed, parts in seen.items() if "source" in parts] == []


@FEW
@given(views(DECIDER, **URGENT), st.sampled_from(["REFUSED", "WITHDRAWN", "UNKNOWN", "X"]))
def test_refused_or_withdrawn_consent_binds_agencies_too(view, consent):
    inside = COMMUNITY.units[view["originator"]].organisation
    for feed, seen in released(view | {"consent": consent}):
        child = view["minor"] == "YES" and consent == "REFUSED"
        protects = child and "child-protection" in unit_of(feed).duties
        assert protects or unit_of(feed).organisation == inside or not seen & TELLS_WHO


@FEW
@given(st.one_of(views(DECIDER, **URGENT, **told) for told in (TOLD, BY_CIVIL_SOCIETY)))
def test_consent_for_one_kind_of_recipient_is_none_for_another(view):
    view |= {"consent": "GIVEN"}
    inside = COMMUNITY.units[view["originator"]].organisation
    for feed, seen in released(view):
        if unit_of(feed).kind.value not in view["consent_scope"]:
            assert unit_of(feed).organisation == inside or not seen & TELLS_WHO
