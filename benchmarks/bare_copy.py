"""The floor: the same alerts copied 1:1, with the same client and transaction size.

What route costs above this is what deciding, projecting, recording and fanning out cost.
"""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.meter import Cost, Meter
from broker.wire.connection import Connection

#: Alerts in one transaction, as in route.
TRANSACTION_ALERTS = 500


async def copy(connection: Connection, source: str, target: str, alerts: int, warm_up: int) -> Cost:
    """Copy *warm_up* alerts unmeasured, then *alerts* measured, from *source* to *target*."""
    consumer = AIOKafkaConsumer(
        **connection.options(),
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=50,
    )
    producer = AIOKafkaProducer(
        **connection.options(),
        transactional_id=f"bare-copy-{target}",
        max_batch_size=512 << 10,
        max_request_size=4 << 20,
        compression_type="zstd",
    )
    await producer.start()
    await consumer.start()
    try:
        partition = TopicPartition(source, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        await _copy_until(consumer, producer, target, warm_up)
        meter = Meter()
        copied = await _copy_until(consumer, producer, target, alerts)
        return meter.read(copied)
    finally:
        await consumer.stop()
        await producer.stop()


async def _copy_until(
    consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, target: str, wanted: int
) -> int:
    copied = 0
    while copied < wanted:
        fetched = await consumer.getmany(timeout_ms=1000, max_records=TRANSACTION_ALERTS)
        for source, records in fetched.items():
            await _copy_batch(producer, target, source, records)
            copied += len(records)
    return copied


async def _copy_batch(
    producer: AIOKafkaProducer, target: str, source: TopicPartition, records: list
) -> None:
    batches = [producer.create_batch()]
    for record in records:
        at = record.timestamp
        if batches[-1].append(key=record.key, value=record.value, timestamp=at) is None:
            batches.append(producer.create_batch())
            batches[-1].append(key=record.key, value=record.value, timestamp=at)
    await producer.begin_transaction()
    sent = []
    for batch in batches:
        batch.close()
        sent.append(await producer.send_batch(batch, target, partition=source.partition))
    for future in sent:
        await future
    offset = records[-1].offset + 1
    await producer.send_offsets_to_transaction({source: offset}, "bare-copy")
    await producer.commit_transaction()
