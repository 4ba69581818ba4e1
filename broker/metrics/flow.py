"""Alerts on their way through accept and route."""

from collections import Counter as Tally
from collections.abc import Mapping

from prometheus_client import Counter

from broker.metrics.registry import REGISTRY

_FORWARDED = Counter(
    "lali_alerts_forwarded", "Alerts that accept passed on to route, repetitions included.",
    ["originator"], registry=REGISTRY,
)  # fmt: skip
_ACCEPTED = Counter(
    "lali_alerts_accepted", "Alerts that route decided.", ["originator"], registry=REGISTRY
)
_DUPLICATES = Counter(
    "lali_alerts_duplicate", "Revisions that were published once more.", ["originator"],
    registry=REGISTRY,
)  # fmt: skip
_QUARANTINED = Counter(
    "lali_alerts_quarantined", "Originals set aside, by reason code.", ["stage", "reason"],
    registry=REGISTRY,
)  # fmt: skip
# A series that begins with its first event has no increase: what must not be missed begins at 0.
for _stage, _reason in (
    ("ACCEPT", "UNEXPECTED"),
    ("ROUTE", "UNEXPECTED"),
    ("ROUTE", "POLICY_ERROR"),
):
    _QUARANTINED.labels(_stage, _reason)
_DECISIONS = Counter(
    "lali_decisions", "Decisions: one for each accepted alert and active feed.", ["verdict"],
    registry=REGISTRY,
)  # fmt: skip
_WITHHOLDINGS = Counter(
    "lali_withholdings", "Decisions to withhold, by reason code.", ["reason"], registry=REGISTRY
)
_RELEASES = Counter(
    "lali_releases", "Releases written to a feed's topic.", ["feed"], registry=REGISTRY
)
_RECALLS = Counter(
    "lali_recalls", "Recalls written to a feed's topic.", ["feed"], registry=REGISTRY
)


def count_forwarded(by_originator: Mapping[str, int]) -> None:
    """Count what accept wrote to `alerts`, and committed."""
    _add(_FORWARDED, by_originator)


def count_quarantined(stage: str, by_reason: Mapping[str, int]) -> None:
    """Count what *stage* set aside, and committed."""
    for reason, count in by_reason.items():
        _QUARANTINED.labels(stage, reason).inc(count)


class Routed:
    """What one transaction of route did; counted as a whole, once it is committed."""

    __slots__ = (
        "accepted", "duplicates", "quarantined", "recalls", "released", "releases", "withheld",
    )  # fmt: skip

    def __init__(self) -> None:
        self.accepted: Tally[str] = Tally()
        self.duplicates: Tally[str] = Tally()
        self.quarantined: Tally[str] = Tally()
        self.released = 0
        self.withheld: Tally[str] = Tally()
        self.releases: Tally[str] = Tally()
        self.recalls: Tally[str] = Tally()

    def count(self) -> None:
        """Add it to what Prometheus reads."""
        _add(_ACCEPTED, self.accepted)
        _add(_DUPLICATES, self.duplicates)
        count_quarantined("ROUTE", self.quarantined)
        _DECISIONS.labels("release").inc(self.released)
        _DECISIONS.labels("withhold").inc(self.withheld.total())
        _add(_WITHHOLDINGS, self.withheld)
        _add(_RELEASES, self.releases)
        _add(_RECALLS, self.recalls)


def _add(counter: Counter, counts: Mapping[str, int]) -> None:
    for label, count in counts.items():
        counter.labels(label).inc(count)
