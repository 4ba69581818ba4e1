"""Writes what became of each release of one feed: dead letters, audit entries, marks.

The marks of one poll are written together, then their entries, then the offsets are
committed. A mark means that the release has come to its end: after a crash between mark and
entry, the entry is written from the mark, under the same id; after a crash before the mark,
the release is delivered again, under the same idempotency key. So no release has two ends.
"""

import asyncio
from typing import Any, NamedTuple
from uuid import UUID

from broker.model.release import Release
from broker.pipeline.holding import Mark, mark_of
from broker.pipeline.holdings import Holdings
from broker.wire import codec
from broker.wire.bounded_producer import Producer
from broker.wire.consumer import ConsumerRecord
from broker.wire.topics import Topics


class Entry(NamedTuple):
    """An audit entry that is to be written.

    Attributes:
        handed_over: It says that a recipient took something.
    """

    value: bytes
    handed_over: bool = False


class DeliveryWriter:
    """Writes for one feed; `flush` before offsets are committed and before any long wait."""

    def __init__(self, producer: Producer, topics: Topics, feed: str, holdings: Holdings) -> None:
        self._producer = producer
        self._topics = topics
        self._feed = feed
        self._holdings = holdings
        self._entries: list[tuple[ConsumerRecord, Entry]] = []
        self._pending: dict[bytes, tuple[ConsumerRecord, codec.Record]] = {}
        self._unwritten: set[bytes | None] = set()

    def mark(self, release: Release) -> Mark | None:
        """Return what became of the latest release of the same alert to this feed."""
        pending = self._pending.get(release.identity)
        if pending is not None:
            return mark_of(pending[1])
        return self._holdings.mark(release.alert_id, self._feed)

    def forget(self) -> None:
        """Drop what was not flushed: it will be delivered, and recorded, once more."""
        self._entries.clear()
        self._pending.clear()
        self._unwritten.clear()

    async def settle(self, record: ConsumerRecord, mark: codec.Record, entry: Entry | None) -> None:
        """Record what became of a release: its *mark*, and its audit entry where it has one."""
        if mark["alert_id"] in self._pending or record.key in self._unwritten:
            # One mark an alert: an earlier end must be there first, with its entry. Behind a
            # later mark nobody would write that entry again.
            await self.flush()
        self._pending[mark["alert_id"]] = (record, mark)
        if entry is not None:
            self.entry(record, entry)

    def entry(self, record: ConsumerRecord, entry: Entry) -> None:
        """Write an audit entry, at the next flush."""
        self._entries.append((record, entry))
        self._unwritten.add(record.key)

    def partitions(self) -> set[int]:
        """Return the partitions of which something is to be written."""
        marked = {record.partition for record, _ in self._pending.values()}
        return marked | {record.partition for record, _ in self._entries}

    def disown(self, partition: int) -> None:
        """Leave the ends of *partition* to its new owner.

        What was handed over was handed over: the audit log has it, whoever writes the mark.
        """
        self._pending = {
            identity: pending
            for identity, pending in self._pending.items()
            if pending[0].partition != partition
        }
        self._entries = [
            (record, entry)
            for record, entry in self._entries
            if record.partition != partition or entry.handed_over
        ]

    async def dead_letter(self, record: ConsumerRecord, letter: bytes) -> int:
        """Write a dead letter, and wait until it is there; return its offset."""
        topic = self._topics.dead_letter(self._feed)
        written = await self._producer.send_and_wait(
            topic, letter, key=record.key, partition=record.partition
        )
        return int(written.offset)

    async def flush(self) -> None:
        """Wait until everything is written.

        Raises:
            KafkaError: Something was not; nothing may be committed.
        """
        marks = [await self._send_mark(*pending) for pending in self._pending.values()]
        await asyncio.gather(*marks)
        entries = [
            await self._producer.send(self._topics.audit, entry.value, key=record.key)
            for record, entry in self._entries
        ]
        await asyncio.gather(*entries)
        for _, mark in self._pending.values():
            self._holdings.note(mark)
        self.forget()

    async def _send_mark(self, record: ConsumerRecord, mark: codec.Record) -> asyncio.Future[Any]:
        key = f"{UUID(bytes=mark['alert_id'])}/{self._feed}".encode()
        value = codec.encode("delivery-mark", mark)
        future: asyncio.Future[Any] = await self._producer.send(
            self._topics.ledger, value, key=key, partition=record.partition
        )
        return future
