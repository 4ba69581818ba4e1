"""The ledger of one partition: per alert, its latest revision and who holds what.

Kept in memory by route, restored from the topic whenever a partition is assigned. Changes
are staged while a transaction is built and count only once it is committed.
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from broker.model.reason import Reason
from broker.wire.alert_bytes import AttributesIndex, View, read_attributes, read_head
from broker.wire.codec import FRAME_BYTES, Record
from broker.wire.cutting import OF_CUTTING
from broker.wire.ledger_codec import Entry, Gone, IntakeMark, OwedMark, Unreadable, read_ledger


class Holder(NamedTuple):
    """A feed that was released some revision."""

    feed: str
    revision: int
    profile: int
    recalled: bool


class Held(NamedTuple):
    """What the ledger knows of one alert.

    Attributes:
        revision: Latest revision.
        digest: SHA-256 of the framed alert of that revision.
        originator: Who published it; nobody else may revise it.
        cancelled: No later revision is taken.
        retain_until: Epoch ms after which the ledger forgets the alert.
        holders: Every feed that ever was released a revision. Equal ones are shared.
        withdrawn: The latest revision says that consent is withdrawn.
    """

    revision: int
    digest: bytes
    originator: str
    cancelled: bool
    retain_until: int
    holders: tuple[Holder, ...]
    withdrawn: bool = False

    def refusal(self, originator: str, revision: int, *, cancels: bool = False) -> Reason | None:
        """Return why another revision is not taken, or None; it is no repetition of this one.

        What cancels is taken whatever its number: it never depends on having seen the latest.
        """
        if self.originator != originator:
            return Reason.ORIGINATOR_CHANGED
        if cancels:
            return Reason.ALREADY_CANCELLED if self.cancelled else None
        if revision < self.revision:
            return Reason.REVISION_LOWER
        if revision == self.revision:
            return Reason.REVISION_CONFLICT
        return Reason.ALREADY_CANCELLED if self.cancelled else None


def withdraws(view: View) -> bool:
    """Whether a label says that a person's consent is withdrawn."""
    return str(view["consent"]) == "WITHDRAWN"


#: Originator and intake partition.
IntakeKey = tuple[str, int]

_SWEPT_AT_ONCE = 100


class Ledger:
    """Alerts and intake marks of one partition.

    Attributes:
        owed: Feeds that are set aside, each with the offset on `owed` from which it is owed.
    """

    def __init__(self) -> None:
        self.owed: dict[str, int] = {}
        self._held: dict[bytes, Held] = {}
        self._marks: dict[IntakeKey, int] = {}
        self._staged: dict[bytes, Held] = {}
        self._staged_marks: dict[IntakeKey, int] = {}
        self._shared: dict[tuple[Holder, ...], tuple[Holder, ...]] = {}
        self._to_sweep: list[bytes] = []
        self._unreadable: set[bytes] = set()
        self._consents: AttributesIndex[bool] = AttributesIndex()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, alert_id: bytes) -> Held | None:
        """Return what is known of an alert, staged changes included."""
        return self._staged.get(alert_id) or self._held.get(alert_id)

    def is_unreadable(self, alert_id: bytes) -> bool:
        """Whether there is an entry of an alert that cannot be read: who holds it is unknown."""
        return alert_id in self._unreadable and alert_id not in self._staged

    def is_staged(self, alert_id: bytes) -> bool:
        """Whether the transaction under way has changed an alert already."""
        return alert_id in self._staged

    def stage(self, alert_id: bytes, held: Held) -> None:
        """Note a change that counts once the transaction is committed."""
        self._staged[alert_id] = held

    def mark(self, key: IntakeKey) -> int:
        """Return the highest intake offset handled, or -1."""
        staged = self._staged_marks.get(key)
        return self._marks.get(key, -1) if staged is None else staged

    def stage_mark(self, key: IntakeKey, offset: int) -> None:
        """Note that everything up to *offset* is handled."""
        if offset > self.mark(key):
            self._staged_marks[key] = offset

    def staged_marks(self) -> dict[IntakeKey, int]:
        """Return the marks that the transaction must write."""
        return self._staged_marks

    def commit(self) -> None:
        """Make the staged changes count."""
        self._held.update(self._staged)
        self._unreadable.difference_update(self._staged)
        self._marks.update(self._staged_marks)
        self.rollback()

    def rollback(self) -> None:
        """Forget the staged changes."""
        self._staged.clear()
        self._staged_marks.clear()

    def restore(self, key: bytes | None, value: bytes | None) -> Reason | None:
        """Take in one record of the ledger topic; return why it cannot be read, or None."""
        match read_ledger(key, value):
            case Entry(alert_id, record):
                self._held[alert_id] = self.held_of(record)
                self._unreadable.discard(alert_id)
            case Gone((alert_id, None)):
                self._held.pop(alert_id, None)
                self._unreadable.discard(alert_id)
            case IntakeMark(record):
                mark = (sys.intern(record["originator"]), record["intake_partition"])
                self._marks[mark] = record["offset"]
            case OwedMark(feed, None):
                self.owed.pop(feed, None)
            case OwedMark(feed, int() as offset):
                self.owed[feed] = offset
            case Unreadable(reason, alert_id):
                if alert_id is not None:
                    self._unreadable.add(alert_id)
                return reason
        return None  # delivery marks are deliver's

    def held_of(self, record: Record) -> Held:
        """Return the entry that a ledger record stands for."""
        holders = tuple(Holder(sys.intern(h.pop("feed")), **h) for h in record["holders"])
        return Held(
            revision=record["revision"],
            digest=record["digest"],
            originator=sys.intern(record["originator"]),
            cancelled=record["cancelled"],
            retain_until=record["retain_until"],
            holders=self.share(holders),
            withdrawn=self._withdrawn(record["label"] + record["distribution"]),
        )

    def _withdrawn(self, label: bytes) -> bool:
        """Whether a label, with its distribution, says that consent is withdrawn."""
        value = bytes(FRAME_BYTES) + label
        try:
            start = read_head(value)[3]
            known = self._consents.find(value, start)
            if known is None:
                view, _, end = read_attributes(value, start)
                known = withdraws(view)
                self._consents.add(value[start:end], known)
        except OF_CUTTING:
            return False
        return known

    def share(self, holders: tuple[Holder, ...]) -> tuple[Holder, ...]:
        """Return an equal tuple kept before, so that equal holders take memory once."""
        if len(self._shared) > 50_000:
            self._shared.clear()
        return self._shared.setdefault(holders, holders)

    def sweep(self, now: int) -> Iterator[tuple[bytes, Held]]:
        """Forget alerts past their retention, a few at a time; yield what is forgotten."""
        if not self._to_sweep:
            self._to_sweep = list(self._held)
        for _ in range(min(_SWEPT_AT_ONCE, len(self._to_sweep))):
            alert_id = self._to_sweep.pop()
            held = self._held.get(alert_id)
            if held and held.retain_until < now and alert_id not in self._staged:
                del self._held[alert_id]
                yield alert_id, held
