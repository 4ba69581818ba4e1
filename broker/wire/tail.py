"""Read topics from their start to their present end, for ledgers, traces and balances."""

from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from broker.wire.connection import Connection

_RECORDS_A_POLL = 2000


def open_reader(connection: Connection, *, committed: bool = True) -> AIOKafkaConsumer:
    """Return a consumer without a group, not yet started."""
    return AIOKafkaConsumer(
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
        topics: Topics that exist; others are passed over.
        partition: Only this partition of each.
        committed: Leave out records of transactions that were aborted or are still open.
    """
    reader = open_reader(connection, committed=committed)
    await reader.start()
    try:
        partitions = await partitions_of(reader, topics, partition)
        async for record in drain(reader, partitions):
            yield record
    finally:
        await reader.stop()


async def partitions_of(
    reader: AIOKafkaConsumer, topics: Iterable[str], partition: int | None
) -> list[TopicPartition]:
    """Return the partitions of *topics* that exist."""
    known = await reader.topics()
    wanted = [topic for topic in topics if topic in known]
    found = []
    for topic in wanted:
        numbers = reader.partitions_for_topic(topic) or set()
        found += [TopicPartition(topic, n) for n in numbers if partition in (None, n)]
    return sorted(found)


async def drain(
    reader: AIOKafkaConsumer, partitions: list[TopicPartition]
) -> AsyncIterator[ConsumerRecord]:
    """Assign *partitions* to *reader* and yield their records up to their present end."""
    if not partitions:
        return
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
