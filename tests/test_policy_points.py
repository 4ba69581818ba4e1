"""What the Pacific bundle promised and did not do: each point has its property or its alerts.

That the properties hold is proved in test_policy_prove; here it is held that none goes missing.
"""

import pytest
from policy_views import PACIFIC

pytest.importorskip("z3")

from broker.policy.bundle import load_bundle
from broker.policy.cases import read_cases
from broker.policy.proof.properties import read_properties

#: Point → the properties that guard it. Points that promise that somebody does receive (3, 14,
#: 17, 20) cannot be said as what may be: cases and ordinary alerts hold them.
GUARDS = {
    1: ("border-desks-and-suspects", "customs-names-out-of-agencies-alone"),
    2: ("strict-stays-in-its-organisation",),
    4: ("a-childs-pictures-source-assessment-and-places",),
    5: ("free-text-about-a-child",),
    6: ("a-name-is-no-consent",),
    7: (
        "enforcement-learns-of-no-victim-by-a-label",
        "enforcement-learns-of-no-victim-by-a-part",
    ),
    8: ("the-secretariat-sees-signs-alone",),
    9: ("a-scope-that-is-stated-binds-everybody",),
    10: ("a-tip-names-no-person",),
    11: ("no-onward-shows-no-person",),
    12: ("no-onward-shows-no-person",),
    13: ("enforcement-sees-no-more-than-the-border",),
    16: ("withdrawn-takes-it-from-everybody", "refused-or-withdrawn"),
    18: ("who-spoke-in-confidence",),
    19: ("a-guardian-consents-for-a-child",),
    21: ("the-excluded-receive-nothing",),
    22: ("to-observe-is-not-to-enforce",),
}
PROPERTIES = {one.id: one for one in read_properties(load_bundle(PACIFIC)).all}


@pytest.mark.parametrize("point", sorted(GUARDS))
def test_each_point_has_a_property(point):
    assert set(GUARDS[point]) <= set(PROPERTIES)


def test_15_no_unit_has_a_feed_for_enforcement_and_another():
    community = load_bundle(PACIFIC).community
    purposes: dict[str, set[str]] = {}
    for feed in community.feeds.values():
        purposes.setdefault(feed.unit, set()).add(feed.purpose.value)
    enforcing = [found for found in purposes.values() if "IMMIGRATION_ENFORCEMENT" in found]
    assert len(enforcing) == 3
    assert all(found == {"IMMIGRATION_ENFORCEMENT"} for found in enforcing)


def test_there_are_thirty_properties_and_the_cases_stand_beside_them():
    assert len(PROPERTIES) >= 30
    assert any(file == "what-it-says.toml" for file, _ in read_cases(PACIFIC))
