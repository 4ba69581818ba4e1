"""How far a consumer group is behind, and how old the first record is that waits for it.

Asked of Kafka and not of the consumers, so that one that stands still is seen too. Topics that
route writes end in transaction markers, which nobody ever reads: whether anything waits is
therefore tried by reading the next record, and only where something has changed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.admin import admin
from broker.wire.bounded_consumer import new_consumer
from broker.wire.connection import Connection, is_away
from broker.wire.tail import partitions_of

#: Partitions whose next record is looked for together; each may hand over a whole batch.
_AT_ONCE = 16
_FETCH_BYTES = 1 << 20
_PROBE_SECONDS = 10.0


class TopicLag(NamedTuple):
    """What waits for one group in one topic.

    Attributes:
        records: How many, transaction markers between them included.
        oldest_ms: When the first of them was written, epoch ms; None if none waits.
    """

    topic: str
    records: int
    oldest_ms: int | None


class _First(NamedTuple):
    """The next record of a partition, looked for between *position* and *end*."""

    position: int
    end: int
    offset: int | None
    timestamp: int | None


class LagReader:
    """Asks one cluster, as one principal, over connections that are kept.

    Args:
        connection: The cluster.
        groups: Each group, and the topics that it reads.
    """

    def __init__(self, connection: Connection, groups: Mapping[str, Sequence[str]]) -> None:
        self._connection = connection
        self._groups = groups
        self._firsts: dict[TopicPartition, _First] = {}
        self._silent: set[str] = set()
        self._partitions: list[TopicPartition] = []
        self._open = AsyncExitStack()
        self._admin: AIOKafkaAdminClient | None = None
        self._reader: AIOKafkaConsumer | None = None

    async def read(self) -> list[TopicLag]:
        """Return what waits, one row for each topic that exists.

        Raises:
            KafkaUnavailable: The cluster does not answer.
        """
        if not any(self._groups.values()):
            return []
        try:
            admin_client, reader = await self._opened()
            if not self._partitions:
                return []
            committed = await self._committed(admin_client)
            bounds = await self._bounds(reader, committed)
            await self._look_for_firsts(reader, bounds)
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            raise KafkaUnavailable(type(error).__name__) from None
        return self._rows(bounds)

    def waiting(self) -> dict[TopicPartition, int]:
        """Return where the group stands in each partition in which something waits."""
        known = (each for each in self._firsts.items() if each[1].offset is not None)
        return {each: first.position for each, first in known if each.topic not in self._silent}

    def silent(self) -> list[TopicPartition]:
        """Return the partitions whose group cannot be asked, though the cluster answers."""
        return [each for each in self._partitions if each.topic in self._silent]

    async def stop(self) -> None:
        """Disconnect; the next question connects anew."""
        self._admin = self._reader = None
        await self._open.aclose()

    async def _opened(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        wanted = {topic for topics in self._groups.values() for topic in topics}
        if {each.topic for each in self._partitions} != wanted:
            self._partitions = await partitions_of(self._connection, wanted)
        if self._admin is None or self._reader is None:
            self._admin = await self._open.enter_async_context(admin(self._connection))
            self._reader = _reader(self._connection)
            self._open.push_async_callback(self._reader.stop)
            await self._reader.start()
        return self._admin, self._reader

    async def _committed(self, client: AIOKafkaAdminClient) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = {}
        self._silent.clear()
        for group, topics in self._groups.items():
            try:
                async with asyncio.timeout(_PROBE_SECONDS):
                    offsets = await client.list_consumer_group_offsets(group)
            except (KafkaError, TimeoutError, AttributeError) as error:
                # aiokafka 0.14 looks for the code of a partition's error where there is none.
                if is_away(error):
                    raise
                self._silent |= set(topics)
                continue
            for partition, at in offsets.items():
                if at.offset >= 0 and partition.topic in topics:
                    found[partition] = at.offset
        return found

    async def _bounds(
        self, reader: AIOKafkaConsumer, committed: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Return from where and to where each partition waits."""
        starts = await reader.beginning_offsets(self._partitions)
        ends = await reader.end_offsets(self._partitions)
        return {
            each: (max(starts[each], committed.get(each, 0)), ends[each])
            for each in self._partitions
            if each.topic not in self._silent
        }

    async def _look_for_firsts(
        self, reader: AIOKafkaConsumer, bounds: Mapping[TopicPartition, tuple[int, int]]
    ) -> None:
        unknown = [each for each in bounds if self._is_unknown(each, *bounds[each])]
        for start in range(0, len(unknown), _AT_ONCE):
            some = {each: bounds[each] for each in unknown[start : start + _AT_ONCE]}
            async with asyncio.timeout(_PROBE_SECONDS):
                self._firsts |= await _look(reader, some)

    def _is_unknown(self, partition: TopicPartition, position: int, end: int) -> bool:
        first = self._firsts.get(partition)
        if position >= end:
            self._firsts.pop(partition, None)
            return False
        if first is None or first.position != position:
            return True
        return first.offset is None and first.end != end

    def _rows(self, bounds: Mapping[TopicPartition, tuple[int, int]]) -> list[TopicLag]:
        records: dict[str, int] = {each.topic: 0 for each in self._partitions}
        oldest: dict[str, list[int]] = {topic: [] for topic in records}
        for each, first in self._firsts.items():
            if first.offset is not None and first.timestamp is not None and each in bounds:
                records[each.topic] += bounds[each][1] - first.offset
                oldest[each.topic].append(first.timestamp)
        return [
            TopicLag(topic, count, min(oldest[topic], default=None))
            for topic, count in records.items()
        ]


async def _look(
    reader: AIOKafkaConsumer, bounds: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, _First]:
    """Return the next record of each partition; none where only markers are left."""
    reader.assign(list(bounds))
    for each, (position, _) in bounds.items():
        reader.seek(each, position)
    found = {each: _First(*bounds[each], None, None) for each in bounds}
    looking = set(bounds)
    while looking:
        fetched = await reader.getmany(*looking, timeout_ms=200)
        for each, records in fetched.items():
            at = (records[0].offset, records[0].timestamp)
            found[each] = _First(*bounds[each], *at)
            reader.pause(each)
        looking -= fetched.keys()
        looking -= {each for each in looking if await reader.position(each) >= bounds[each][1]}
    return found


def _reader(connection: Connection) -> AIOKafkaConsumer:
    return new_consumer(
        **connection.options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_bytes=_AT_ONCE * _FETCH_BYTES,
        fetch_max_wait_ms=50,
    )
