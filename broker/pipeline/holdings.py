"""What deliver knows of the ledger: it follows the topic and waits until it has caught up.

A release is never handed over blind. Its ledger entry was written in the same transaction,
so it is there; this view may just not have read it yet.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from broker.clock import steady_seconds
from broker.errors import KafkaUnavailable
from broker.model.reason import Reason
from broker.pipeline.feed_commands import FeedCommands
from broker.pipeline.holding import UNREADABLE, Holding, Mark, holding_of, mark_of
from broker.wire.connection import Connection
from broker.wire.consumer import ConsumerRecord
from broker.wire.ledger_codec import (
    DeliveryMark,
    Entry,
    FeedCommand,
    Gone,
    LedgerKey,
    Unreadable,
    read_ledger,
)
from broker.wire.partition import Target
from broker.wire.tail import Reader, WrittenEnds, open_reader, partitions_of
from broker.wire.topics import Topics

log = structlog.get_logger()


class LedgerBehind(Exception):
    """The ledger cannot be read to its end; nothing may be delivered blind."""


class Holdings:
    """The ledger, followed from its start.

    Attributes:
        seen_ms: When its end was last seen, epoch milliseconds; 0 before the first time. What
            was decided since may be missing here.
        commands: What operators want of deliver.
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
        self._true_at: dict[int, float] = {}
        self.commands = FeedCommands()
        self._asking: dict[int, asyncio.Lock] = {}
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
                        self._take(record)
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

    def _take(self, record: ConsumerRecord) -> None:
        reason = self.take(record.key, record.value)
        if reason is not None:
            where = {"partition": record.partition, "offset": record.offset}
            log.error("ledger.unreadable", reason=reason.value, **where)

    def take(self, key: bytes | None, value: bytes | None) -> Reason | None:
        """Take in one record of the ledger topic; return why it cannot be read, or None."""
        match read_ledger(key, value):
            case Entry(alert_id, record):
                self._holdings[alert_id] = holding_of(record)
            case DeliveryMark(record):
                self.note(record)
            case FeedCommand(record):
                self.commands.take(record)
            case Gone(gone):
                self._forget(gone)
            case Unreadable(reason, alert_id):
                if alert_id is not None:
                    self._holdings[alert_id] = UNREADABLE
                return reason
        return None  # intake marks are route's

    def note(self, record: dict[str, Any]) -> None:
        """Take in a delivery mark; one that goes back is a paused owner's, and is passed over."""
        marks = self._marks.setdefault(record["alert_id"], {})
        mark, before = mark_of(record), marks.get(record["feed"])
        if before is None or mark.place >= before.place:
            marks[sys.intern(record["feed"])] = mark

    def owed(self, feed: str) -> list[tuple[bytes, Mark]]:
        """Return the alerts of which a recall is owed to *feed*, each with its mark."""
        return [
            (alert_id, mark)
            for alert_id, marks in self._marks.items()
            if (mark := marks.get(feed)) is not None and mark.owed is not None
        ]

    def parked(self, feed: str, reason: Reason) -> list[Mark]:
        """Return the marks of what *feed* has parked for *reason*."""
        marks = (marks.get(feed) for marks in self._marks.values())
        return [each for each in marks if each and each.state == "PARKED" and each.reason == reason]

    def mark(self, alert_id: UUID, feed: str) -> Mark | None:
        """Return what became of the latest release of an alert to *feed*."""
        return self._marks.get(alert_id.bytes, {}).get(feed)

    def peek(self, alert_id: UUID) -> Holding | None:
        """Return what has been read of an alert so far, without waiting."""
        holding = self._holdings.get(alert_id.bytes)
        return None if holding is None or holding.is_unreadable else holding

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
        return self._holdings.get(alert_id.bytes)

    def true_at(self, partition: int) -> float:
        """Return the moment up to which everything in *partition* is known, steady seconds.

        It is when the partition's end was asked for, not when an answer or a record arrived:
        what waited in a socket while this process was paused is as old as its question.
        """
        return self._true_at.get(partition, float("-inf"))

    async def no_older_than(self, moment: float, partition: int, timeout_seconds: float) -> None:
        """Wait until everything that was in *partition* at *moment* is known here.

        Args:
            moment: Steady seconds, as `broker.clock.steady_seconds` gives them.
            partition: Of the ledger: an alert's is that of its feeds.
            timeout_seconds: How long.

        Raises:
            LedgerBehind: It could not be read so far in time.
        """
        if self.true_at(partition) >= moment:
            return
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._confirm(moment, partition)
        except (TimeoutError, KafkaUnavailable):
            raise LedgerBehind from None

    async def _confirm(self, moment: float, partition: int) -> None:
        async with self._asking.setdefault(partition, asyncio.Lock()):
            if self.true_at(partition) >= moment:
                return  # another feed has asked meanwhile
            if self._written is None:
                raise LedgerBehind
            asked = steady_seconds()
            ends = await self._written.of([Target(self._topics.ledger, partition)])
            async with self._changed:
                await self._changed.wait_for(lambda: self._reaches(ends))
            self._true_at[partition] = asked

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

    def _forget(self, gone: LedgerKey) -> None:
        if gone.feed:
            self._marks.get(gone.alert_id, {}).pop(gone.feed, None)
        else:
            self._holdings.pop(gone.alert_id, None)
            self._marks.pop(gone.alert_id, None)
