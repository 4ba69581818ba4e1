"""What becomes of releases, feed by feed."""

from collections.abc import Callable, Mapping

from prometheus_client import Counter, Gauge

from broker.metrics.registry import REGISTRY, Codes

#: States of a feed that is delivered.
STATES = ("delivering", "waiting", "open", "paused")

_DELIVERED = Counter(
    "lali_deliveries", "Releases and recalls that a recipient took.", ["feed"], registry=REGISTRY
)
_NOT_DELIVERED = Counter(
    "lali_not_delivered", "Releases that may no longer be delivered, by reason code.",
    ["feed", "reason"], registry=REGISTRY,
)  # fmt: skip
_DEAD_LETTERED = Counter(
    "lali_dead_letters", "Releases parked as dead letters, by reason code.", ["feed", "reason"],
    registry=REGISTRY,
)  # fmt: skip
_FAILED = Counter(
    "lali_delivery_failures", "Attempts that failed and are tried again, by code.",
    ["feed", "code"], registry=REGISTRY,
)  # fmt: skip
_STATE = Gauge(
    "lali_feed_state", "1 for the state that the feed is in.", ["feed", "state"],
    registry=REGISTRY,
)  # fmt: skip

_OWED = Gauge(
    "lali_recalls_owed", "Recalls that the recipient has not taken yet.", ["feed"],
    registry=REGISTRY,
)  # fmt: skip

#: Why releases are parked, but for seals that do not open.
_PARKED = (
    "RECIPIENT_REFUSED",
    "RECIPIENT_FAILS",
    "LINK_IN_DOUBT",
    "PARKED_BEHIND",
    "UNEXPECTED",
)
_codes = Codes()


def count_ends(feed: str, ends: Mapping[tuple[str, str], int]) -> None:
    """Count what became of releases to *feed*, once it is written.

    Args:
        feed: The feed.
        ends: How many, by end (delivered, not_delivered, dead_lettered) and reason code.
    """
    for (end, reason), count in ends.items():
        if end == "delivered":
            _DELIVERED.labels(feed).inc(count)
        elif end == "not_delivered":
            _NOT_DELIVERED.labels(feed, reason).inc(count)
        else:
            _DEAD_LETTERED.labels(feed, reason).inc(count)


def count_failed_attempt(feed: str, code: str) -> None:
    """Count an attempt that will be made again."""
    _FAILED.labels(feed, _codes.bounded(code)).inc()


def show_state(feed: str, state: Callable[[], str], owed: Callable[[], int]) -> None:
    """Show the state of *feed* and the recalls it is owed, asked whenever somebody scrapes.

    Its counts begin at 0: a series that begins with its first event has no increase, and
    nobody would be told.
    """
    _DELIVERED.labels(feed)
    _OWED.labels(feed).set_function(owed)
    for reason in _PARKED:
        _DEAD_LETTERED.labels(feed, reason)
    for each in STATES:
        _STATE.labels(feed, each).set_function(_is(state, each))


def _is(state: Callable[[], str], wanted: str) -> Callable[[], float]:
    return lambda: float(state() == wanted)
