"""What deliver and the gateway know of one alert: what the ledger holds, and what became of it."""

import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire.alert_bytes import View, view_of_ledger


class Share(NamedTuple):
    """What one feed holds of an alert, as route decided."""

    revision: int
    recalled: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """One alert in the ledger: its latest revision, and who holds it.

    Attributes:
        is_unreadable: The ledger has an entry that cannot be read: nothing of it is known, so
            nothing may be released.
    """

    revision: int
    cancelled: bool
    expires_at: int
    label: bytes
    distribution: bytes
    shares: dict[str, Share]
    is_unreadable: bool = False

    def view(self) -> View:
        """Return what policy reads of the latest revision.

        Raises:
            Rejected: LEDGER_UNREADABLE.
        """
        try:
            return view_of_ledger(self.label, self.distribution)
        except (ValueError, OverflowError, EOFError, IndexError):
            raise Rejected(Reason.LEDGER_UNREADABLE) from None


#: Of an alert whose entry cannot be read.
UNREADABLE = Holding(sys.maxsize, False, 0, b"", b"", {}, is_unreadable=True)


class Mark(NamedTuple):
    """What became of the latest release of one alert to one feed."""

    revision: int
    kind: str
    state: str
    held: bool
    reason: str | None = None


def mark_of(record: dict[str, Any]) -> Mark:
    """Return the mark in a delivery-mark record."""
    reason = record.get("reason")
    return Mark(
        record["revision"],
        record["kind"],
        record["state"],
        record["held"],
        sys.intern(reason) if reason else None,
    )


def holding_of(record: dict[str, Any]) -> Holding:
    """Return what a ledger entry says."""
    shares = {sys.intern(h["feed"]): Share(h["revision"], h["recalled"]) for h in record["holders"]}
    return Holding(
        revision=record["revision"],
        cancelled=record["cancelled"],
        expires_at=record["expires_at"],
        label=record["label"],
        distribution=record["distribution"],
        shares=shares,
    )
