"""Read topics from their start to their present end, for ledgers, traces and balances."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.admin import admin
from broker.wire.bounded_consumer import new_consumer
from broker.wire.connection import Connection

#: A consumer without a group, for annotations outside this package.
Reader = AIOKafkaConsumer

_RECORDS_A_POLL = 2000
_ONE_SECONDS = 30.0


def open_reader(connection: Connection, *, committed: bool = True) -> AIOKafkaConsumer:
    """Return a consumer without a group, not yet started."""
    return new_consumer(
        **connection.options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed else "read_uncommitted",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=50,
    )


async def read_to_end(
    connection: Connection,
    topics: Iterable[str],
    *,
    partition: int | None = None,
    committed: bool = True,
) -> AsyncIterator[ConsumerRecord]:
    """Yield every record of *topics*, from the start to where each ended at the call.

    Args:
        connection: The cluster.
        topics: Topics; those that do not exist are passed over.
        partition: Only this partition of each; then each must exist.
        committed: Leave out records of transactions that were aborted or are still open.

    Raises:
        KafkaUnavailable: The cluster does not answer, or a topic that must exist does not.
    """
    topics = list(topics)
    found = await partitions_of(connection, topics)
    wanted = [each for each in found if partition in (None, each.partition)]
    if partition is not None and len(wanted) != len(list(topics)):
        # A ledger restored from nothing would release everything anew.
        raise KafkaUnavailable("a topic that must exist was not found")
    if not wanted:
        return  # aiokafka 0.14 cannot stop a reader that was never used
    reader = open_reader(connection, committed=committed)
    await reader.start()
    try:
        async for record in drain(reader, wanted):
            yield record
    finally:
        await reader.stop()


async def partitions_of(connection: Connection, topics: Iterable[str]) -> list[TopicPartition]:
    """Return the partitions of those of *topics* that exist."""
    async with admin(connection) as client:
        present = set(await client.list_topics())
        wanted = [topic for topic in topics if topic in present]
        described = await client.describe_topics(wanted) if wanted else []
    return sorted(
        TopicPartition(topic["topic"], part["partition"])
        for topic in described
        for part in topic["partitions"]
    )


async def drain(
    reader: AIOKafkaConsumer, partitions: list[TopicPartition]
) -> AsyncIterator[ConsumerRecord]:
    """Assign *partitions* to *reader* and yield their records up to their present end."""
    reader.assign(partitions)
    ends = await reader.end_offsets(partitions)
    open_ones = []
    for each in partitions:
        await reader.seek_to_beginning(each)
        if await reader.position(each) < ends[each]:
            open_ones.append(each)
    while open_ones:
        fetched = await reader.getmany(*open_ones, timeout_ms=200, max_records=_RECORDS_A_POLL)
        for records in fetched.values():
            for record in records:
                yield record
        # The position passes transaction markers, which are never handed out.
        open_ones = [each for each in open_ones if await reader.position(each) < ends[each]]


async def read_one(
    connection: Connection, topic: str, partition: int, offset: int
) -> ConsumerRecord | None:
    """Return the record at *offset*; None where there is none any more.

    Raises:
        KafkaUnavailable: The cluster does not answer, or does not let us read it.
    """
    reader, place = open_reader(connection), TopicPartition(topic, partition)
    try:
        await reader.start()
        reader.assign([place])
        ends = await reader.end_offsets([place])
        begins = await reader.beginning_offsets([place])
        if not begins[place] <= offset < ends[place]:
            return None
        reader.seek(place, offset)
        async with asyncio.timeout(_ONE_SECONDS):
            found = await reader.getone(place)
    except (KafkaError, TimeoutError) as error:
        raise KafkaUnavailable(type(error).__name__) from None
    finally:
        await reader.stop()
    return found if found.offset == offset else None


class WrittenEnds:
    """Tells where partitions end for those who write them, open transactions included.

    A reader of committed records is told where the first open transaction begins. A commit
    reaches one partition before another, so who has read a record in one topic may find the
    record beside it, of the same transaction, still behind that point in another.
    """

    def __init__(self, connection: Connection) -> None:
        self._reader = open_reader(connection, committed=False)

    async def start(self) -> None:
        """Connect."""
        await self._reader.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._reader.stop()

    async def of(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the end of each of *partitions* now.

        Raises:
            KafkaUnavailable: A leader does not answer.
        """
        try:
            found: dict[TopicPartition, int] = await self._reader.end_offsets(list(partitions))
        except KafkaError as error:
            raise KafkaUnavailable(type(error).__name__) from None
        return found


async def ends_of(connection: Connection, prefix: str) -> dict[TopicPartition, int]:
    """Return where each partition of the topics that begin with *prefix* ends now."""
    async with admin(connection) as client:
        names = [name for name in await client.list_topics() if name.startswith(prefix)]
    partitions = await partitions_of(connection, names)
    if not partitions:
        return {}
    reader = open_reader(connection)
    await reader.start()
    try:
        reader.assign(partitions)
        found: dict[TopicPartition, int] = await reader.end_offsets(partitions)
        return found
    finally:
        await reader.stop()


async def written_end(connection: Connection, partition: TopicPartition) -> int:
    """Return where *partition* ends now for those who write it.

    Raises:
        KafkaUnavailable: Its leader does not answer.
    """
    ends = WrittenEnds(connection)
    try:
        await ends.start()
        found = await ends.of([partition])
    except KafkaError as error:
        raise KafkaUnavailable(type(error).__name__) from None
    finally:
        await ends.stop()
    return found[partition]


async def settled_records(
    connection: Connection, topic: str, partition: int
) -> list[ConsumerRecord] | None:
    """Return all records of one partition; None while a transaction in it is not seen to end.

    Raises:
        KafkaUnavailable: The cluster does not answer, or there is no such partition.
    """
    target = TopicPartition(topic, partition)
    written = await written_end(connection, target)
    reader = open_reader(connection)
    await reader.start()
    try:
        committed: dict[TopicPartition, int] = await reader.end_offsets([target])
        if committed[target] < written:
            return None
        return [record async for record in drain(reader, [target])]
    except KafkaError as error:
        raise KafkaUnavailable(type(error).__name__) from None
    finally:
        await reader.stop()
