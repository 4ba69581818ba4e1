"""Follow topics into the gateway's own file: what was taken, and how far, in one transaction."""

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from broker.errors import KafkaUnavailable
from broker.gateway.database import Database
from broker.wire.connection import Connection
from broker.wire.consumer import ConsumerRecord
from broker.wire.partition import Target
from broker.wire.tail import Reader, open_reader, partitions_of

_RECORDS_A_POLL = 2000
#: How often takers are told how far each partition was read.
_TOLD_EVERY_SECONDS = 0.5


class Taker(Protocol):
    """Puts the records of its topics into tables."""

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Take *records* of one partition, in order, inside a transaction."""

    def forget(self, topic: str) -> None:
        """Empty what came from *topic*, inside a transaction: it was made anew."""

    def taken(self, topics: Iterable[str]) -> None:
        """Know that something of *topics* was taken, and is there now."""

    def reached(self, partition: Target, polled_ms: int | None) -> None:
        """Know how far *partition* was read.

        Args:
            partition: Of one of its topics.
            polled_ms: When nothing more was in it, epoch milliseconds; None if there is more.
        """


class Projection:
    """Follows each topic for its taker, from where it stopped."""

    def __init__(
        self, connection: Connection, database: Database, takers: Mapping[str, Taker]
    ) -> None:
        self._connection = connection
        self._database = database
        self._takers = takers
        self._ready = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether everything that was there at the start has been taken."""
        return self._ready.is_set()

    async def follow(self) -> None:
        """Follow until cancelled.

        Raises:
            KafkaUnavailable: The cluster does not answer at the start, or a topic is not there.
        """
        partitions = await partitions_of(self._connection, self._takers)
        if {each.topic for each in partitions} != set(self._takers):
            raise KafkaUnavailable("TOPICS_MISSING: `lali topics apply`")
        reader = open_reader(self._connection)
        await reader.start()
        try:
            reader.assign(partitions)
            ends = await reader.end_offsets(partitions)
            await self._seek(reader, ends)
            loop, told = asyncio.get_running_loop(), 0.0
            while True:
                fetched = await reader.getmany(timeout_ms=200, max_records=_RECORDS_A_POLL)
                self._take(fetched, {each: await reader.position(each) for each in fetched})
                if loop.time() - told > _TOLD_EVERY_SECONDS:
                    await self._tell(reader, partitions)
                    told = loop.time()
                if not self.is_ready and await _passed(reader, ends):
                    self._ready.set()
        finally:
            await reader.stop()

    async def _seek(self, reader: Reader, ends: Mapping[Target, int]) -> None:
        for partition, end in ends.items():
            stored = self._stored(partition)
            if stored > end:  # the topic was made anew: what is here is another's
                with self._database.transaction() as sql:
                    self._takers[partition.topic].forget(partition.topic)
                    sql.execute("DELETE FROM position WHERE topic=?", (partition.topic,))
                stored = 0
            if stored:
                reader.seek(partition, stored)
            else:
                await reader.seek_to_beginning(partition)

    def _stored(self, partition: Target) -> int:
        query = "SELECT offset FROM position WHERE topic=? AND partition=?"
        found = self._database.connection.execute(query, tuple(partition)).fetchone()
        return int(found[0]) if found else 0

    def _take(
        self, fetched: Mapping[Target, list[ConsumerRecord]], positions: Mapping[Target, int]
    ) -> None:
        if not fetched:
            return
        with self._database.transaction() as sql:
            for partition, records in fetched.items():
                self._takers[partition.topic].take(records)
                row = (*partition, positions[partition])
                sql.execute("INSERT OR REPLACE INTO position VALUES(?,?,?)", row)
        by_taker = itertools.groupby(sorted({each.topic for each in fetched}), self._takers.get)
        for taker, topics in by_taker:
            if taker is not None:
                taker.taken(list(topics))

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
