"""Follow topics into the gateway's own file: what was taken, and how far, in one transaction."""

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Protocol
from uuid import UUID

import structlog

from broker.errors import KafkaUnavailable
from broker.gateway.database import Database
from broker.gateway.eras import Eras
from broker.metrics.registry import count_error
from broker.wire.connection import Connection
from broker.wire.consumer import ConsumerRecord
from broker.wire.partition import Target
from broker.wire.tail import Reader, open_reader, partitions_of
from broker.wire.topic_ids import topic_ids

log = structlog.get_logger()

_RECORDS_A_POLL = 2000
#: How often takers are told how far each partition was read.
_TOLD_EVERY_SECONDS = 0.5
#: How often Kafka is asked what it has deleted.
_DROPPED_EVERY_SECONDS = 3600.0
#: How often Kafka is asked whether a topic was made anew.
_ERAS_EVERY_SECONDS = 30.0


class TopicRemade(Exception):
    """A topic was deleted and made anew while it was followed."""


class Taker(Protocol):
    """Puts the records of its topics into tables."""

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Take *records* of one partition, in order, inside a transaction, off the loop."""

    def forget(self, topic: str) -> None:
        """Empty what came from *topic*, inside a transaction: it was made anew."""

    def dropped(self, partition: Target, first: int) -> None:
        """Know that Kafka has nothing below *first* any more, inside a transaction."""

    def taken(self, topics: Iterable[str]) -> None:
        """Know that something of *topics* was taken, and is there now."""

    def reached(self, partition: Target, polled_ms: int | None) -> None:
        """Know how far *partition* was read.

        Args:
            partition: Of one of its topics.
            polled_ms: When nothing more was in it, epoch milliseconds; None if there is more.
        """


class Projection:
    """Follows each topic for its taker, from where it stopped.

    Args:
        connection: The cluster.
        database: The gateway's file.
        takers: Who takes the records of each topic.
        eras: Which making of each topic is known.
        feeds: Those of the topics without which the others are followed all the same.

    Attributes:
        missing: Topics of feeds that are not there, or not shown to the gateway.
    """

    def __init__(
        self,
        connection: Connection,
        database: Database,
        takers: Mapping[str, Taker],
        eras: Eras,
        feeds: Iterable[str] = (),
    ) -> None:
        self._feeds = frozenset(feeds)
        self.missing: frozenset[str] = frozenset()
        self._connection = connection
        self._database = database
        self._takers = takers
        self._eras = eras
        self._ready = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether everything that was there at the start has been taken."""
        return self._ready.is_set()

    async def follow(self) -> None:
        """Follow until cancelled.

        Raises:
            KafkaUnavailable: The cluster does not answer, or a topic is not there.
            TopicRemade: Follow anew.
        """
        await self._begin_anew()
        partitions = await partitions_of(self._connection, self._takers)
        self._note_missing(self._takers.keys() - {each.topic for each in partitions})
        reader = open_reader(self._connection)
        await reader.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_eras())
                await self._read(reader, partitions)
        except ExceptionGroup as group:  # of one of the two; the other was cancelled
            raise group.exceptions[0] from None
        finally:
            await reader.stop()

    def _note_missing(self, missing: Set[str]) -> None:
        """Go on without a feed that is not there: its neighbours are served.

        Raises:
            KafkaUnavailable: Without one of these topics nothing can be served.
        """
        self.missing = frozenset(missing)
        if missing - self._feeds:
            raise KafkaUnavailable("TOPICS_MISSING: `lali topics apply`")
        for topic in sorted(missing):
            log.error("feed.topic_missing", topic=topic)
            count_error("gateway", "FEED_MISSING")

    async def _begin_anew(self) -> None:
        """Forget what comes from an earlier making of a topic."""
        identities = await topic_ids(self._connection, self._takers)
        remade = [each[0] for each in identities.items() if self._eras.differs(*each)]
        await self._database.off_loop(self._store_eras, identities, remade)
        self._eras.renew()

    def _store_eras(self, identities: Mapping[str, UUID], remade: Iterable[str]) -> None:
        with self._database.transaction():
            for topic in remade:
                self._forget(topic)
            for each in identities.items():
                self._eras.keep(*each)

    def _forget(self, topic: str) -> None:
        self._takers[topic].forget(topic)
        self._database.writer.execute("DELETE FROM position WHERE topic=?", (topic,))

    def _start_over(self, topic: str) -> None:
        with self._database.transaction():
            self._forget(topic)

    async def _watch_eras(self) -> None:
        while True:
            await asyncio.sleep(_ERAS_EVERY_SECONDS)
            try:
                identities = await topic_ids(self._connection, self._takers)
            except KafkaUnavailable:
                continue
            is_other = self._takers.keys() - identities.keys() != self.missing
            if is_other or any(self._eras.differs(*each) for each in identities.items()):
                raise TopicRemade

    async def _read(self, reader: Reader, partitions: list[Target]) -> None:
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        await self._seek(reader, ends)
        loop, told, looked = asyncio.get_running_loop(), 0.0, 0.0
        while True:
            if loop.time() - looked > _DROPPED_EVERY_SECONDS or not looked:
                await self._drop(reader, partitions)
                looked = loop.time()
            fetched = await reader.getmany(timeout_ms=200, max_records=_RECORDS_A_POLL)
            positions = {each: await reader.position(each) for each in fetched}
            await self._take(fetched, positions)
            if loop.time() - told > _TOLD_EVERY_SECONDS:
                await self._tell(reader, partitions)
                told = loop.time()
            if not self.is_ready and await _passed(reader, ends):
                self._ready.set()

    async def _drop(self, reader: Reader, partitions: list[Target]) -> None:
        firsts = await reader.beginning_offsets(partitions)
        await self._database.off_loop(self._store_drops, firsts)

    def _store_drops(self, firsts: Mapping[Target, int]) -> None:
        with self._database.transaction():
            for partition, first in firsts.items():
                self._takers[partition.topic].dropped(partition, first)

    async def _seek(self, reader: Reader, ends: Mapping[Target, int]) -> None:
        for partition, end in ends.items():
            stored = self._stored(partition)
            if stored > end:  # the topic was made anew: what is here is another's
                await self._database.off_loop(self._start_over, partition.topic)
                stored = 0
            if stored:
                reader.seek(partition, stored)
            else:
                await reader.seek_to_beginning(partition)

    def _stored(self, partition: Target) -> int:
        query = "SELECT offset FROM position WHERE topic=? AND partition=?"
        found = self._database.connection.execute(query, tuple(partition)).fetchone()
        return int(found[0]) if found else 0

    async def _take(
        self, fetched: Mapping[Target, list[ConsumerRecord]], positions: Mapping[Target, int]
    ) -> None:
        if not fetched:
            return
        await self._database.off_loop(self._store, fetched, positions)
        by_taker = itertools.groupby(sorted({each.topic for each in fetched}), self._takers.get)
        for taker, topics in by_taker:
            if taker is not None:
                taker.taken(list(topics))

    def _store(
        self, fetched: Mapping[Target, list[ConsumerRecord]], positions: Mapping[Target, int]
    ) -> None:
        with self._database.transaction() as sql:
            for partition, records in fetched.items():
                self._takers[partition.topic].take(records)
                row = (*partition, positions[partition])
                sql.execute("INSERT OR REPLACE INTO position VALUES(?,?,?)", row)

    async def _tell(self, reader: Reader, partitions: Iterable[Target]) -> None:
        for partition in partitions:
            high = reader.highwater(partition)
            at_end = high is not None and await reader.position(partition) >= high
            polled = reader.last_poll_timestamp(partition) if at_end else None
            self._takers[partition.topic].reached(partition, polled)


async def _passed(reader: Reader, ends: Mapping[Target, int]) -> bool:
    for partition, end in ends.items():
        if await reader.position(partition) < end:
            return False
    return True
