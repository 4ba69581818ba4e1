"""What deliver knows of the ledger: it follows the topic and waits until it has caught up.

A release is never handed over blind. Its ledger entry was written in the same transaction,
so it is there; this view may just not have read it yet.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from broker.errors import KafkaUnavailable
from broker.wire.alert_bytes import View, view_of_ledger
from broker.wire.codec import decode_trusted, name_of
from broker.wire.connection import Connection
from broker.wire.partition import Target
from broker.wire.tail import Reader, WrittenEnds, open_reader, partitions_of
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
    reason: str | None = None


class LedgerBehind(Exception):
    """The ledger cannot be read to its end; nothing may be delivered blind."""


class Holdings:
    """The ledger, followed from its start.

    Attributes:
        seen_ms: When its end was last seen, epoch milliseconds; 0 before the first time. What
            was decided since may be missing here.
    """

    def __init__(self, connection: Connection, topics: Topics) -> None:
        self._connection = connection
        self._topics = topics
        self._holdings: dict[bytes, Holding] = {}
        self._marks: dict[bytes, dict[str, Mark]] = {}
        self._changed = asyncio.Condition()
        self._ready = asyncio.Event()
        self._written: WrittenEnds | None = None
        self._positions: dict[Target, int] = {}
        self.seen_ms = 0

    async def follow(self) -> None:
        """Follow the ledger until cancelled."""
        partitions = await partitions_of(self._connection, [self._topics.ledger])
        reader, written = open_reader(self._connection), WrittenEnds(self._connection)
        try:
            await reader.start()
            await written.start()
            reader.assign(partitions)
            await reader.seek_to_beginning(*partitions)
            ends = await written.of(partitions)
            self._positions = dict.fromkeys(partitions, 0)
            self._written = written
            while True:
                fetched = await reader.getmany(timeout_ms=200, max_records=2000)
                for records in fetched.values():
                    for record in records:
                        self.take(record.key, record.value)
                # The position passes transaction markers, which are never handed out.
                self._positions = {each: await reader.position(each) for each in partitions}
                self._note_end(reader)
                if self._reaches(ends):
                    self._ready.set()
                async with self._changed:
                    self._changed.notify_all()
        finally:
            self._written = None
            await reader.stop()
            await written.stop()

    @property
    def is_ready(self) -> bool:
        """Whether everything that was in the ledger at the start has been read."""
        return self._ready.is_set()

    def _note_end(self, reader: Reader) -> None:
        polls = []
        for partition, position in self._positions.items():
            high, polled = reader.highwater(partition), reader.last_poll_timestamp(partition)
            if high is None or polled is None or position < high:
                return
            polls.append(polled)
        self.seen_ms = min(polls, default=0)

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
        marks = self._marks.setdefault(record["alert_id"], {})
        marks[sys.intern(record["feed"])] = mark_of(record)

    def mark(self, alert_id: UUID, feed: str) -> Mark | None:
        """Return what became of the latest release of an alert to *feed*."""
        return self._marks.get(alert_id.bytes, {}).get(feed)

    def peek(self, alert_id: UUID) -> Holding | None:
        """Return what has been read of an alert so far, without waiting."""
        return self._holdings.get(alert_id.bytes)

    async def find(self, alert_id: UUID, revision: int, timeout_seconds: float) -> Holding | None:
        """Return the ledger's entry at *revision* or later.

        Returns:
            None if the ledger, read to its present end, has none: it was forgotten.

        Raises:
            LedgerBehind: The ledger could not be read to its end in time.
        """
        if not self._has(alert_id, revision):
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._catch_up(alert_id, revision)
            except TimeoutError:
                raise LedgerBehind from None
        return self._holdings[alert_id.bytes] if self._has(alert_id, revision) else None

    async def latest(self, alert_id: UUID, timeout_seconds: float) -> Holding | None:
        """Return the entry that the ledger, read to its present end, has of an alert.

        Raises:
            LedgerBehind: It could not be read to its end in time.
        """
        await self.find(alert_id, sys.maxsize, timeout_seconds)
        return self.peek(alert_id)

    async def _catch_up(self, alert_id: UUID, revision: int) -> None:
        """Wait until the entry is there, or all that is in the ledger now is known without it.

        What is in the ledger now may belong to a transaction that a dead router left open: only
        an entry that is not there has to wait for its end.
        """
        if self._written is None:
            raise LedgerBehind
        try:
            ends = await self._written.of(self._positions)
        except KafkaUnavailable:
            raise LedgerBehind from None
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._has(alert_id, revision) or self._reaches(ends)
            )

    def _reaches(self, ends: Mapping[Target, int]) -> bool:
        return all(self._positions.get(each, 0) >= end for each, end in ends.items())

    def _has(self, alert_id: UUID, revision: int) -> bool:
        holding = self._holdings.get(alert_id.bytes)
        return holding is not None and holding.revision >= revision

    def _forget(self, key: bytes) -> None:
        alert_id, _, feed = key.decode().partition("/")
        if feed:
            self._marks.get(UUID(alert_id).bytes, {}).pop(feed, None)
        else:
            self._holdings.pop(UUID(alert_id).bytes, None)
            self._marks.pop(UUID(alert_id).bytes, None)


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
