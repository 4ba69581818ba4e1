"""What stands still in this process's roles although something waits for it."""

from collections.abc import Mapping

from prometheus_client import Gauge

from broker.metrics.registry import REGISTRY

_STANDING = Gauge(
    "lali_standing_still", "Partitions in which something waits and has not moved for a minute.",
    ["role"], registry=REGISTRY,
)  # fmt: skip
_standing: dict[str, int] = {}


def show_standing(role: str, partitions: int) -> None:
    """Show in how many *partitions* *role* stands still."""
    _standing[role] = partitions
    _STANDING.labels(role).set(partitions)


def standing_codes(standing: Mapping[str, int] = _standing) -> tuple[str, ...]:
    """Return a code for each role of this process that stands still somewhere."""
    return tuple(f"{role.upper()}_STANDS_STILL" for role in sorted(standing) if standing[role])
