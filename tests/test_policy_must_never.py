"""What must never happen under the Pacific bundle, for any label, distribution and moment."""

import shutil

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from policy_views import FACTS, PACIFIC, listed, ordinary, sees, views

from broker.model import codes
from broker.model.reason import Reason
from broker.policy.bundle import load_bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider
from broker.policy.entities import ATTRIBUTES
from broker.policy.facts import Facts

DECIDER = Decider(load_bundle(PACIFIC))
COMMUNITY = DECIDER.bundle.community
FEEDS = COMMUNITY.feeds
NOW = Facts()
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
FEWER = settings(FEW, max_examples=12)
REAL = st.just("ACTUAL")

COUNTRIES = tuple(sorted({u.country for u in COMMUNITY.units.values() if u.country}))
TOLD = {"source_type": st.sampled_from(["CIVIL_SOCIETY", "HOTLINE", "VICTIM", "UNKNOWN", "X"])}
BY_CIVIL_SOCIETY = {"originator": st.sampled_from(["lagoon-house", "reef-helpline"])}
TELLS_WHO = {"victims", "source", "contact", "evidence", "documents", "summary", "assessment"}
#: Moves as many alerts as possible past the first doors, so that the tested one decides.
URGENT = {
    "status": REAL, "at_risk": st.just("YES"), "in_transit": st.just("YES"),
    "urgency": st.just("IMMEDIATE"), "tlp": st.sampled_from(["CLEAR", "GREEN", "AMBER"]),
    "countries_destination": st.just(COUNTRIES),
    "releasable_to": st.just(()), "not_releasable_to": st.just(()), "purposes": st.just(()),
    "caveats": st.just(()),
}  # fmt: skip


def unit_of(feed):
    return COMMUNITY.units[FEEDS[feed].unit]


def decided(view, facts=NOW):
    return DECIDER.outcomes(view, facts).items()


def released(view, facts=NOW):
    return [(feed, sees(outcome)) for feed, outcome in decided(view, facts) if sees(outcome)]


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
    inside = COMMUNITY.units[view["originator"]].organisation
    for feed, seen in released(view | {"consent": consent}):
        assert unit_of(feed).organisation == inside or not seen & TELLS_WHO


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
            assert not seen & {"evidence", "source", "assessment"}
            protects = "child-protection" in unit_of(feed).duties
            desk = known.purpose is codes.Purpose.CHILD_PROTECTION and protects
            assert desk or "victims" not in seen


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
                {"consent_scope": ()},
                {"consent": "WITHDRAWN"},
            ]
        )
    )  # fmt: skip
    before = DECIDER.outcomes(view, NOW)
    for feed, outcome in decided(view | stricter):
        assert sees(outcome) <= sees(before[feed])


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


def test_every_case_holds_and_every_rule_decides_one():
    tried = try_cases(DECIDER)
    assert [(t.case.name, t.differences) for t in tried if t.differences] == []
    decided = {r for t in tried for r in t.decision.outcome.rules + t.decision.outcome.held}
    assert set(DECIDER.bundle.rules.by_id) == decided
    assert not any(name.startswith("guard-") for name in decided)


def test_the_rules_stand_without_the_guards(monkeypatch):
    monkeypatch.setattr("broker.policy.decide.guard_against", lambda *_: None)
    bare = Decider(DECIDER.bundle)
    for status in ("EXERCISE", "UNKNOWN"):
        for feed, outcome in bare.outcomes(ordinary(status=status), NOW).items():
            assert not FEEDS[feed].operational or not sees(outcome)
    for tlp, facts in (("RED", NOW), ("UNKNOWN", NOW), ("AMBER", Facts(expired=True))):
        outcomes = bare.outcomes(ordinary(tlp=tlp), facts)
        assert not any(sees(outcome) for outcome in outcomes.values())


def test_the_guards_stand_without_the_rules(tmp_path):
    folder = tmp_path / "pacific"
    shutil.copytree(PACIFIC, folder)
    for file in (folder / "rules").iterdir():
        file.unlink()
    (folder / "rules" / "all.cedar").write_text('@id("p") permit (principal, action, resource);')
    careless = Decider(load_bundle(folder))
    for view, facts in (
        (ordinary(), Facts(expired=True)), (ordinary(), Facts(embargoed=True)),
        (ordinary(tlp="RED"), NOW), (ordinary(tlp="UNKNOWN"), NOW),
    ):  # fmt: skip
        assert not any(sees(o) for o in careless.outcomes(view, facts).values())
    drill = careless.outcomes(ordinary(status="EXERCISE"), NOW)
    assert {f for f, o in drill.items() if sees(o)} == {
        f for f in FEEDS if not FEEDS[f].operational
    }


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
