"""What must never happen under the Pacific bundle, for any label, distribution and moment."""

from hypothesis import given
from hypothesis import strategies as st
from pacific_decider import COMMUNITY, DECIDER, FEEDS, FEW, NOW, URGENT, decided, released, unit_of
from policy_views import FACTS, listed, sees, views

from broker.model import codes
from broker.model.reason import Reason
from broker.policy.facts import Facts


@FEW
@given(views(DECIDER, tlp=st.sampled_from(["RED", "UNKNOWN", "X"])), FACTS)
def test_red_reaches_named_units_only_and_an_unknown_tlp_nobody(view, facts):
    for feed, _ in released(view, facts):
        assert view["tlp"] == "RED"
        assert FEEDS[feed].unit in view["named_recipients"]


@FEW
@given(views(DECIDER) | views(DECIDER, **URGENT), st.sampled_from(["YES", "UNKNOWN", "X"]))
def test_who_a_child_is_stays_with_child_protection_and_named_units(view, minor):
    for feed, seen in released(view | {"minor": minor}):
        known = FEEDS[feed]
        if known.operational and known.unit not in view["named_recipients"]:
            assert "source" not in seen
            protects = "child-protection" in unit_of(feed).duties
            desk = known.purpose is codes.Purpose.CHILD_PROTECTION and protects
            told = {"victims", "evidence", "assessment", "summary", "places", "safe_contact"}
            assert desk or not seen & told


@FEW
@given(views(DECIDER), st.booleans())
def test_what_expired_or_is_under_embargo_reaches_nobody(view, embargoed):
    for facts in (Facts(expired=True, embargoed=embargoed), Facts(embargoed=True)):
        reason = Reason.EXPIRED if facts.expired else Reason.EMBARGOED
        assert {o.reason for _, o in decided(view, facts)} == {reason}
        assert not released(view, facts)


@FEW
@given(
    views(DECIDER, status=st.sampled_from(["EXERCISE", "TEST", "UNKNOWN", "X"]))
    | views(DECIDER, **URGENT | {"status": st.sampled_from(["EXERCISE", "TEST", "UNKNOWN", "X"])})
)
def test_a_drill_reaches_no_operational_feed_and_a_real_alert_no_drill_feed(view):
    for feed, _ in released(view):
        assert not FEEDS[feed].operational
        assert view["status"] in ("EXERCISE", "TEST")
    for feed, _ in released(view | {"status": "ACTUAL"}):
        assert FEEDS[feed].operational


@FEW
@given(views(DECIDER), FACTS)
def test_statistics_bodies_receive_no_single_alert(view, facts):
    for feed, _ in released(view, facts):
        assert FEEDS[feed].purpose is not codes.Purpose.STATISTICS


@FEW
@given(views(DECIDER, **URGENT) | views(DECIDER), FACTS)
def test_bodies_that_pass_on_never_learn_who_a_victim_is(view, facts):
    hubs = ("REGIONAL_COORDINATION", "CUSTOMS", "SECRETARIAT", "INTERNATIONAL")
    for feed, seen in released(view, facts):
        named = view["tlp"] == "RED" and FEEDS[feed].unit in view["named_recipients"]
        if unit_of(feed).kind.value in hubs and FEEDS[feed].operational and not named:
            assert not seen & {"victims", "source", "contact", "evidence"}


@FEW
@given(views(DECIDER), FACTS)
def test_the_originators_lists_bind(view, facts):
    for feed, _ in released(view, facts):
        names = COMMUNITY.names_of(unit_of(feed))
        assert names.isdisjoint(view["not_releasable_to"])
        assert not view["releasable_to"] or names & set(view["releasable_to"])
        if FEEDS[feed].operational and view["purposes"]:
            assert FEEDS[feed].purpose.value in view["purposes"]
        if {"ORCON", "UNKNOWN", "NO_SUCH_CODE"} & set(view["caveats"]):
            assert names & {*view["releasable_to"], *view["named_recipients"]}


@FEW
@given(views(DECIDER, **URGENT) | views(DECIDER), st.data())
def test_a_stricter_wish_never_releases_more(view, data):
    names = sorted({*COMMUNITY.units, *COMMUNITY.organisations, *COMMUNITY.communities})
    listed_now, excluded = view["releasable_to"], view["not_releasable_to"]
    stricter = data.draw(
        st.sampled_from(
            [
                {"not_releasable_to": (*excluded, data.draw(st.sampled_from(names)))},
                {"caveats": (*view["caveats"], data.draw(st.sampled_from(listed(codes.Caveat))))},
                {"releasable_to": listed_now[:1]} if listed_now else {"onward": "UNKNOWN"},
                {"named_recipients": ()},
                # None at all is no stricter: of an agency's alert nothing was said of scope then.
                {"consent_scope": tuple(view["consent_scope"])[:1]},
                {"consent": "WITHDRAWN"},
            ]
        )
    )  # fmt: skip
    before = DECIDER.outcomes(view, NOW)
    for feed, outcome in decided(view | stricter):
        assert sees(outcome) <= sees(before[feed])


def test_who_must_exist_does():
    kinds = {}
    for unit in COMMUNITY.units.values():
        kinds.setdefault(unit.kind.value, set()).add(unit.id)
    countries = {u.country for u in COMMUNITY.units.values() if u.kind.value == "IMMIGRATION"}
    assert len(countries) >= 8
    assert countries == {u.country for u in COMMUNITY.units.values() if u.kind.value == "POLICE"}
    assert countries == {u.country for u in COMMUNITY.units.values() if u.kind.value == "TCU"}
    assert {"ptccc", "oco", "pidc-secretariat", "pifs", "unodc"} <= set(COMMUNITY.units)
    assert len(kinds["CIVIL_SOCIETY"]) == 2
