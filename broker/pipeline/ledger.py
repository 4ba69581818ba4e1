"""The ledger of one partition: per alert, its latest revision and who holds what.

Kept in memory by route, restored from the topic whenever a partition is assigned. Changes
are staged while a transaction is built and count only once it is committed.
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from broker.model.reason import Reason
from broker.wire.codec import Record, decode_trusted, name_of


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
    """

    revision: int
    digest: bytes
    originator: str
    cancelled: bool
    retain_until: int
    holders: tuple[Holder, ...]

    def refusal(self, originator: str, revision: int) -> Reason | None:
        """Return why another revision is not taken, or None; it is no repetition of this one."""
        if self.originator != originator:
            return Reason.ORIGINATOR_CHANGED
        if revision < self.revision:
            return Reason.REVISION_LOWER
        if revision == self.revision:
            return Reason.REVISION_CONFLICT
        return Reason.ALREADY_CANCELLED if self.cancelled else None


#: Originator and intake partition.
IntakeKey = tuple[str, int]

_SWEPT_AT_ONCE = 100
_UUID_TEXT = 36


class Ledger:
    """Alerts and intake marks of one partition."""

    def __init__(self) -> None:
        self._held: dict[bytes, Held] = {}
        self._marks: dict[IntakeKey, int] = {}
        self._staged: dict[bytes, Held] = {}
        self._staged_marks: dict[IntakeKey, int] = {}
        self._shared: dict[tuple[Holder, ...], tuple[Holder, ...]] = {}
        self._to_sweep: list[bytes] = []

    def __len__(self) -> int:
        return len(self._held)

    def get(self, alert_id: bytes) -> Held | None:
        """Return what is known of an alert, staged changes included."""
        return self._staged.get(alert_id) or self._held.get(alert_id)

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
        self._marks.update(self._staged_marks)
        self.rollback()

    def rollback(self) -> None:
        """Forget the staged changes."""
        self._staged.clear()
        self._staged_marks.clear()

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the ledger topic."""
        if value is None:
            if len(key) == _UUID_TEXT:  # delivery marks have longer keys
                self._held.pop(_alert_id(key), None)
            return
        match name_of(value):
            case "ledger-entry":
                record = decode_trusted(value, "ledger-entry")
                self._held[record["alert_id"]] = self.held_of(record)
            case "intake-mark":
                record = decode_trusted(value, "intake-mark")
                mark = (sys.intern(record["originator"]), record["intake_partition"])
                self._marks[mark] = record["offset"]
            case _:
                return  # delivery marks are deliver's

    def held_of(self, record: Record) -> Held:
        """Return the entry that a decoded ledger record stands for."""
        holders = tuple(Holder(sys.intern(h.pop("feed")), **h) for h in record["holders"])
        return Held(
            revision=record["revision"],
            digest=record["digest"],
            originator=sys.intern(record["originator"]),
            cancelled=record["cancelled"],
            retain_until=int(record["retain_until"].timestamp() * 1000),
            holders=self.share(holders),
        )

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


def _alert_id(key: bytes) -> bytes:
    return bytes.fromhex(key.decode().replace("-", ""))
