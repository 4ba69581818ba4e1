"""How long an alert may live, and how long ledger and vault keep what belongs to it.

An alert's retention class sets both. Were an alert to outlive what the hub knows of it, nobody
could tell any more who holds it, and a cancel would reach no one.
"""

from datetime import timedelta

from broker.errors import Rejected
from broker.model.codes import MessageType
from broker.model.label import Distribution, Label
from broker.model.reason import Reason
from broker.wire.topics import DAY_MS

_DAYS = {"DAYS_30": 30, "DAYS_90": 90, "YEAR_1": 365, "YEARS_5": 1826}

#: An unknown class is kept as long as the shortest one.
_SHORTEST_DAYS = 30
#: Longer than any expiry, so that a late consumer still learns that an alert expired: a day for
#: that, and a day by which a sender's clock may be ahead.
_AFTER_EXPIRY_MS = 2 * DAY_MS
#: By how much a sender's clock may be ahead of the hub's.
_AHEAD_MS = DAY_MS


def retention_ms(retention_class: str) -> int:
    """Return how long an alert of a retention class is kept, milliseconds."""
    return _DAYS.get(retention_class, _SHORTEST_DAYS) * DAY_MS


def longest_life(retention_class: str) -> timedelta:
    """Return how long after `originated_at` an alert of a retention class may expire."""
    return timedelta(milliseconds=retention_ms(retention_class))


def check_life(label: Label, distribution: Distribution, now: int) -> None:
    """Check that an alert does not outlive its retention; *now* is epoch milliseconds.

    A cancel passes: it releases nothing, and refused it would leave an alert in force.

    Raises:
        Rejected: EXPIRES_TOO_LATE, at `label.expires_at`; TIMES_INVALID, at
            `label.originated_at`, which lies more than a day ahead.
    """
    if label.message_type is MessageType.CANCEL:
        return
    originated_ms = label.originated_at.timestamp() * 1000
    if originated_ms > now + _AHEAD_MS:
        raise Rejected(Reason.TIMES_INVALID, "label.originated_at")
    life = label.expires_at - label.originated_at
    if life > longest_life(distribution.retention_class.value):
        raise Rejected(Reason.EXPIRES_TOO_LATE, "label.expires_at")


def retain_until(kept_ms: int, now: int) -> int:
    """Return until when an alert that is decided at *now* is kept, epoch milliseconds.

    Whatever its expiry says: `check_life` saw to it that it is not later, and what accept let
    through before that may not be kept for a century.
    """
    return now + kept_ms + _AFTER_EXPIRY_MS


def retained_until(distribution: Distribution, now: int) -> int:
    """Return the same for a readable distribution."""
    return retain_until(retention_ms(distribution.retention_class.value), now)
