"""What deliver and the gateway know of one alert: what the ledger holds, and what became of it."""

import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from broker.errors import Rejected
from broker.model.compartment import ALL_COMPARTMENTS
from broker.model.reason import Reason
from broker.model.release import ReleaseKind
from broker.wire.alert_bytes import View, view_of_ledger
from broker.wire.cutting import OF_CUTTING


class Share(NamedTuple):
    """What one feed holds of an alert, as route decided."""

    revision: int
    recalled: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """One alert in the ledger: its latest revision, and who holds it.

    Attributes:
        present: Mask of the compartments that hold content.
        is_unreadable: The ledger has an entry that cannot be read: nothing of it is known, so
            nothing may be released.
    """

    revision: int
    cancelled: bool
    expires_at: int
    label: bytes
    distribution: bytes
    shares: dict[str, Share]
    present: int = ALL_COMPARTMENTS
    is_unreadable: bool = False

    def view(self) -> View:
        """Return what policy reads of the latest revision.

        Raises:
            Rejected: LEDGER_UNREADABLE.
        """
        try:
            return view_of_ledger(self.label, self.distribution)
        except OF_CUTTING:
            raise Rejected(Reason.LEDGER_UNREADABLE) from None


#: Of an alert whose entry cannot be read.
UNREADABLE = Holding(sys.maxsize, False, 0, b"", b"", {}, is_unreadable=True)


class Mark(NamedTuple):
    """What became of the latest release of one alert to one feed.

    Attributes:
        held: Whether the recipient ever took any revision.
        at: When, epoch milliseconds.
        bundle_digest: The bundle that decided it; None in marks from before.
        profile: The compartments that were handed over; None in marks from before.
        owed: The revision of a recall that the recipient has not taken.
        owed_at: Its moment, epoch milliseconds.
        letter_offset: Where the dead letter of what is parked lies.
    """

    revision: int
    kind: str
    state: str
    held: bool
    reason: str | None = None
    at: int = 0
    bundle_digest: bytes | None = None
    profile: int | None = None
    owed: int | None = None
    owed_at: int = 0
    letter_offset: int | None = None

    @property
    def place(self) -> tuple[int, bool]:
        """Its place among the releases of its alert, as `Release.place` has it."""
        return (self.revision, self.kind == ReleaseKind.RECALL)


def mark_of(record: dict[str, Any]) -> Mark:
    """Return the mark in a delivery-mark record, of whatever version."""
    reason, digest = record.get("reason"), record.get("bundle_digest")
    return Mark(
        record["revision"],
        record["kind"],
        record["state"],
        record["held"],
        sys.intern(reason) if reason else None,
        _epoch_ms(record["at"]),
        _shared_digests.setdefault(digest, digest) if digest else None,
        record.get("profile"),
        record.get("owed"),
        _epoch_ms(record.get("owed_at") or 0),
        record.get("letter_offset"),
    )


#: Few bundles decide; their digests take memory once.
_shared_digests: dict[bytes, bytes] = {}


def _epoch_ms(moment: datetime | int) -> int:
    return moment if isinstance(moment, int) else round(moment.timestamp() * 1000)


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
        present=record["present"],
    )
