"""What deliver knows of the ledger: it follows the topic and waits until it has caught up.

A release is never handed over blind. Its ledger entry was written in the same transaction,
so it is there; this view may just not have read it yet.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from broker.wire.alert_bytes import View, view_of_ledger
from broker.wire.codec import decode_trusted, name_of
from broker.wire.connection import Connection
from broker.wire.tail import open_reader, partitions_of
from broker.wire.topics import Topics

log = structlog.get_logger()


class Share(NamedTuple):
    """What one feed holds of an alert, as route decided."""

    revision: int
    recalled: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """One alert in the ledger: its latest revision, and who holds it."""

    revision: int
    cancelled: bool
    expires_at: int
    label: bytes
    distribution: bytes
    shares: dict[str, Share]

    def view(self) -> View:
        """Return what policy reads of the latest revision."""
        return view_of_ledger(self.label, self.distribution)


class Mark(NamedTuple):
    """What became of the latest release of one alert to one feed."""

    revision: int
    kind: str
    state: str
    held: bool


class Holdings:
    """The ledger, followed from its start."""

    def __init__(self, connection: Connection, topics: Topics) -> None:
        self._connection = connection
        self._topics = topics
        self._holdings: dict[bytes, Holding] = {}
        self._marks: dict[tuple[bytes, str], Mark] = {}
        self._changed = asyncio.Condition()
        self._ready = asyncio.Event()

    async def follow(self) -> None:
        """Follow the ledger until cancelled."""
        partitions = await partitions_of(self._connection, [self._topics.ledger])
        reader = open_reader(self._connection)
        await reader.start()
        try:
            reader.assign(partitions)
            ends = await reader.end_offsets(partitions)
            await reader.seek_to_beginning(*partitions)
            while True:
                fetched = await reader.getmany(timeout_ms=200, max_records=2000)
                for records in fetched.values():
                    for record in records:
                        self.take(record.key, record.value)
                if not self._ready.is_set():
                    await self._note_ready(reader, ends)
                if fetched:
                    async with self._changed:
                        self._changed.notify_all()
        finally:
            await reader.stop()

    async def ready(self) -> None:
        """Wait until everything that was in the ledger at the start has been read."""
        await self._ready.wait()

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the ledger topic."""
        if value is None:
            self._forget(key)
            return
        match name_of(value):
            case "ledger-entry":
                record = decode_trusted(value, "ledger-entry")
                self._holdings[record["alert_id"]] = _holding(record)
            case "delivery-mark":
                record = decode_trusted(value, "delivery-mark")
                self.note(record)
            case _:
                return  # intake marks are route's

    def note(self, record: dict[str, Any]) -> None:
        """Take in a delivery mark."""
        mark = Mark(record["revision"], record["kind"], record["state"], record["held"])
        self._marks[record["alert_id"], sys.intern(record["feed"])] = mark

    def mark(self, alert_id: UUID, feed: str) -> Mark | None:
        """Return what became of the latest release of an alert to *feed*."""
        return self._marks.get((alert_id.bytes, feed))

    async def wait_for(
        self, alert_id: UUID, revision: int, timeout_seconds: float
    ) -> Holding | None:
        """Return the ledger's entry at *revision* or later, or None if it does not come in time."""
        try:
            async with asyncio.timeout(timeout_seconds), self._changed:
                while not self._has(alert_id, revision):
                    await self._changed.wait()
        except TimeoutError:
            return None
        return self._holdings[alert_id.bytes]

    def _has(self, alert_id: UUID, revision: int) -> bool:
        holding = self._holdings.get(alert_id.bytes)
        return holding is not None and holding.revision >= revision

    def _forget(self, key: bytes) -> None:
        alert_id = UUID(key.decode()).bytes
        self._holdings.pop(alert_id, None)
        for mark in [mark for mark in self._marks if mark[0] == alert_id]:
            del self._marks[mark]

    async def _note_ready(self, reader: Any, ends: dict[Any, int]) -> None:
        positions = [await reader.position(partition) >= end for partition, end in ends.items()]
        if all(positions):
            self._ready.set()


def _holding(record: dict[str, Any]) -> Holding:
    shares = {sys.intern(h["feed"]): Share(h["revision"], h["recalled"]) for h in record["holders"]}
    return Holding(
        revision=record["revision"],
        cancelled=record["cancelled"],
        expires_at=int(record["expires_at"].timestamp() * 1000),
        label=record["label"],
        distribution=record["distribution"],
        shares=shares,
    )
