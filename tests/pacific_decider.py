"""What the Pacific bundle decides and releases, and alerts that press it hardest."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from policy_views import PACIFIC, sees

from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.policy.facts import Facts

DECIDER = Decider(load_bundle(PACIFIC))
COMMUNITY = DECIDER.bundle.community
FEEDS = COMMUNITY.feeds
NOW = Facts()
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
REAL = st.just("ACTUAL")
COUNTRIES = tuple(sorted({u.country for u in COMMUNITY.units.values() if u.country}))

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
