"""Quarantine, as an operator sees it: what waits there and why, and its one way back.

A way back is through accept again: what was published is published once more into the intake
that it came through, under a place of its own there, and is checked, decided and recorded like
anything else. Nothing is put onto `alerts` or a feed. Content is never shown.
"""

import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.protect.original import open_original
from broker.protect.wrap import Unwrapper
from broker.wire import codec
from broker.wire.connection import Connection
from broker.wire.consumer import ConsumerRecord
from broker.wire.partition import Target
from broker.wire.sender import Sender
from broker.wire.single_record import record_at
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

#: Reasons of a whole batch: what it held cannot be told apart, so it has no way back.
_OF_BATCHES = frozenset({Reason.BATCH_TOO_LARGE.value, Reason.BATCH_UNREADABLE.value})


class Kept(NamedTuple):
    """One original in quarantine, without what it says.

    Attributes:
        partition: Where it lies in quarantine.
        offset: And at which offset: partition and offset name it.
        stage: ACCEPT or ROUTE.
        source: Topic, partition and offset that it came from.
        size: Bytes that are kept, sealed or not.
    """

    partition: int
    offset: int
    reason: str
    path: str
    stage: str
    at: datetime
    source: tuple[str, int, int]
    alert_id: UUID | None
    originator: str | None
    key_id: str | None
    size: int

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return f"{self.partition}/{self.offset}"


class Gone(Exception):
    """What was published cannot be had any more; its text is a code."""


class Quarantine:
    """The quarantine of one community.

    Args:
        connection: As an operator, who may read it and write into every intake.
        topics: The topics.
        unwrapper: Opens originals; None where no keys are here, or protection is off.
        clock: Epoch milliseconds.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        unwrapper: Unwrapper | None,
        clock: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._unwrapper = unwrapper
        self._clock = clock

    async def kept(self) -> AsyncIterator[Kept]:
        """Yield what is there, the oldest of each partition first; what is unreadable is left out.

        Raises:
            KafkaUnavailable: It cannot be read.
        """
        async for record in read_to_end(self._connection, [self._topics.quarantine]):
            if (found := _kept(record)) is not None:
                yield found

    async def note_read(self, credential: str) -> None:
        """Have the audit log say that somebody looked into quarantine.

        Raises:
            KafkaUnavailable: The log may not have it: show nothing.
        """
        sender = Sender(self._connection)
        await sender.start()
        try:
            entry = self._entry("QUARANTINE_READ", credential)
            await sender.send(self._topics.audit, None, codec.encode("audit-entry", entry))
        finally:
            await sender.stop()

    async def replay(self, kept: Kept, why: str, credential: str) -> None:
        """Publish *kept* once more, through accept; the audit log says so first.

        Args:
            kept: What.
            why: The operator's reason, a code.
            credential: Who asks.

        Raises:
            Gone: It cannot be had any more, or never was one alert.
            KafkaRefused: Whoever asks may not do it.
            KafkaUnavailable: It may not be there: replay it again, which is taken once.
        """
        key, value, headers = await self._original(kept)
        entry = self._entry("REPLAYED", credential) | {
            "alert_id": kept.alert_id.bytes if kept.alert_id else None,
            "originator": kept.originator,
            "source_topic": kept.source[0],
            "source_partition": kept.source[1],
            "source_offset": kept.source[2],
            "reason": kept.reason,
            "reference": why,
        }
        sender = Sender(self._connection)
        await sender.start()
        try:
            await sender.send(self._topics.audit, None, codec.encode("audit-entry", entry))
            await sender.send(kept.source[0], key, value, headers)
        finally:
            await sender.stop()

    async def _original(
        self, kept: Kept
    ) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
        topic, partition, offset = kept.source
        if kept.reason in _OF_BATCHES:
            raise Gone("BATCH")
        if kept.originator is None or topic != self._topics.intake(kept.originator):
            raise Gone("NOT_PUBLISHED")  # it did not come through an intake
        # As it was published, headers and all, where the intake still has it.
        published = await record_at(self._connection, Target(topic, partition), offset)
        if published is not None:
            return published.key, published.value, list(published.headers)
        if kept.stage != "ACCEPT":
            raise Gone("RETENTION")  # route sets aside what accept had opened already
        return await self._from_quarantine(kept)

    async def _from_quarantine(
        self, kept: Kept
    ) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
        where = Target(self._topics.quarantine, kept.partition)
        record = await record_at(self._connection, where, kept.offset)
        if record is None:
            raise Gone("RETENTION")
        held = codec.decode(record.value, "quarantine")
        if held.get("key_id") is None:
            return held["key"], held["value"], []
        if self._unwrapper is None:
            raise Gone("KEYS_ELSEWHERE")
        try:
            topic, partition, offset = kept.source
            place = f"{topic}/{partition}/{offset}"
            opened = open_original(self._unwrapper, place, held["key_id"], held["value"])
        except Rejected as rejected:
            raise Gone(rejected.reason.value) from None
        return *opened, []

    def _entry(self, kind: str, credential: str) -> codec.Record:
        return {
            "entry_id": os.urandom(16),
            "kind": kind,
            "stage": "OPERATOR",
            "at": self._clock(),
            "recalled": [],
            "credential": credential,
        }


def _kept(record: ConsumerRecord) -> Kept | None:
    try:
        held = codec.decode(record.value, "quarantine")
    except Rejected:
        return None
    return Kept(
        record.partition,
        record.offset,
        held["reason"],
        held["path"],
        held["stage"],
        held["at"],
        (held["topic"], held["partition"], held["offset"]),
        UUID(bytes=_bytes(held["alert_id"])) if held["alert_id"] else None,
        held["originator"],
        held.get("key_id"),
        len(held["value"] or b""),
    )


def _bytes(alert_id: bytes | UUID) -> bytes:
    return alert_id.bytes if isinstance(alert_id, UUID) else alert_id
