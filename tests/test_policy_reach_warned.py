"""No ordinary alert reaches nobody, or fewer countries than its route has, without a warning."""

from itertools import product

import pytest
from pacific_decider import COMMUNITY, DECIDER, NOW, unit_of

from broker.model.alert import Alert
from broker.model.decision import Verdict
from broker.model.warning import WarningCode as Code
from broker.pipeline.label_warnings import reach_warnings
from broker.policy.acquainted import every_name, known_names
from broker.policy.decide import view_of
from broker.testing import make_alert

NAMES = every_name(COMMUNITY)
HOMES = {unit_of(feed).country for feed, each in COMMUNITY.feeds.items() if each.operational}
ORIGINATORS = ("fiji-immigration", "fiji-police", "ptccc", "oco", "lagoon-house")
TLPS = ("GREEN", "AMBER", "AMBER_STRICT", "RED", "UNKNOWN")
ROUTES = (
    {"countries_origin": ["VU"], "countries_transit": ["FJ"], "countries_destination": ["WS"]},
    {"countries_origin": ["VU"], "countries_transit": [], "countries_destination": []},
    {"countries_origin": ["IN"], "countries_transit": [], "countries_destination": ["AU", "TO"]},
)
SITUATIONS = (
    {"at_risk": "NO"},
    {"at_risk": "UNKNOWN", "in_transit": "YES"},
    {"at_risk": "YES", "in_transit": "YES", "urgency": "IMMEDIATE"},
)
PEOPLE = (
    {"minor": "NO", "consent": "NOT_APPLICABLE"},
    {"minor": "YES", "consent": "REFUSED"},
    {"minor": "UNKNOWN", "consent": "UNKNOWN", "source_type": "HOTLINE"},
)
#: What the fields of an ordinary alert are where a warning says that one should be looked at.
MENDED = {"tlp": "AMBER", "countries_destination": ["WS"], "in_transit": "YES", "minor": "YES"}


def warned(alert: Alert):
    return list(reach_warnings(alert, DECIDER, NAMES))


def reached(alert: Alert) -> set[str]:
    plan = DECIDER.plan(view_of(alert.label, alert.distribution), NOW)
    released = [g for g in plan.groups if g.outcome.verdict is Verdict.RELEASE]
    units = {recipient.unit for group in released for recipient in group.recipients}
    return units - {alert.label.originator}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("originator", ORIGINATORS)
def test_10_20_nothing_in_the_grid_reaches_too_few_without_a_word(originator):
    silent, helped = [], 0
    for tlp, route, situation, people in product(TLPS, ROUTES, SITUATIONS, PEOPLE):
        alert = make_alert(originator=originator, tlp=tlp, **route, **situation, **people)
        found, units = warned(alert), reached(alert)
        codes = {each.code for each in found}
        nobody = codes & {Code.REACHES_NOBODY, Code.REACHES_ONLY_ORIGINATOR}
        if bool(nobody) is bool(units):
            silent.append((tlp, route, situation, people))
        on_the_way = {*route["countries_transit"], *route["countries_destination"]} & HOMES
        countries = {COMMUNITY.units[name].country for name in units}
        told = sum(each.code is Code.ROUTE_COUNTRY_NOT_REACHED for each in found)
        own = {COMMUNITY.units[originator].country}
        if units and tlp != "RED" and told != len(on_the_way - countries - own):
            silent.append((tlp, route, situation, people, told))
        for each in found:
            if each.code in nobody and each.change in {f"label.{name}" for name in MENDED}:
                name = each.change.removeprefix("label.")
                mended = {**route, **situation, **people, "tlp": tlp, name: MENDED[name]}
                helped += bool(reached(make_alert(originator=originator, **mended)))
    assert silent == []
    assert helped > 20


@pytest.mark.parametrize(
    ("alert", "change"),
    [
        ({"tlp": "AMBER_STRICT", "originator": "fiji-immigration"}, "label.tlp"),
        ({"purposes": ["STATISTICS"]}, "label.purposes"),
        ({"caveats": ["ORCON"]}, "label.caveats"),
        ({"distribution": {"releasable_to": ["pifs"]}}, "distribution.releasable_to"),
        ({"status": "UNKNOWN"}, "label.status"),
        ({"tlp": "UNKNOWN", "status": "UNKNOWN"}, None),
    ],
)
def test_10_20_the_one_field_to_change_is_told(alert, change):
    (found,) = [w for w in warned(make_alert(**alert)) if w.code.value.startswith("REACHES")]

    assert found.change == change


def test_10_20_who_is_left_out_by_name_is_no_oversight():
    excluding = make_alert(distribution={"not_releasable_to": ["country-ws"]})

    assert [w for w in warned(excluding) if w.code is Code.ROUTE_COUNTRY_NOT_REACHED] == []


def test_10_20_civil_society_is_told_of_no_country_that_it_may_not_know():
    tip = make_alert(originator="lagoon-house", purposes=["COORDINATE"], tlp="GREEN")
    codes = {
        name: {each.code for each in reach_warnings(tip, DECIDER, known)}
        for name, known in (("whole", NAMES), ("own", known_names(COMMUNITY, "lagoon-house")))
    }

    assert reached(tip)
    assert Code.ROUTE_COUNTRY_NOT_REACHED in codes["whole"]
    assert Code.ROUTE_COUNTRY_NOT_REACHED not in codes["own"]
