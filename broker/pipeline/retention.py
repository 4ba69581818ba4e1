"""How long the ledger and the vault keep what belongs to an alert."""

from broker.model.label import Distribution, Label
from broker.wire.topics import DAY_MS

_DAYS = {"DAYS_30": 30, "DAYS_90": 90, "YEAR_1": 365, "YEARS_5": 1826}

#: An unknown class is kept as long as the shortest one.
_SHORTEST_DAYS = 30
#: Longer than any expiry, so that a late consumer still learns that an alert expired.
_AFTER_EXPIRY_MS = DAY_MS


def retention_ms(retention_class: str) -> int:
    """Return how long an alert of a retention class is kept, milliseconds."""
    return _DAYS.get(retention_class, _SHORTEST_DAYS) * DAY_MS


def retain_until(expires_at: int, kept_ms: int, now: int) -> int:
    """Return until when an alert is kept, epoch milliseconds."""
    return max(expires_at, now + kept_ms) + _AFTER_EXPIRY_MS


def retained_until(label: Label, distribution: Distribution, now: int) -> int:
    """Return the same for a readable label and distribution."""
    expires_at = int(label.expires_at.timestamp() * 1000)
    return retain_until(expires_at, retention_ms(distribution.retention_class.value), now)
