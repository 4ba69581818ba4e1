"""Read one record by its place: for whoever follows what an entry or a command names."""

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.connection import Connection
from broker.wire.tail import open_reader
from broker.wire.welcome import denied


async def record_at(
    connection: Connection, partition: TopicPartition, offset: int
) -> ConsumerRecord | None:
    """Return the record at *offset* of *partition*; None if it is not there any more.

    Raises:
        KafkaRefused: It may not be read.
        KafkaUnavailable: The cluster does not answer.
    """
    reader = open_reader(connection)
    try:
        await reader.start()
        reader.assign([partition])
        first = (await reader.beginning_offsets([partition]))[partition]
        end = (await reader.end_offsets([partition]))[partition]
        if not first <= offset < end:
            return None
        reader.seek(partition, offset)
        fetched: dict[TopicPartition, list[ConsumerRecord]] = {}
        while not fetched and await reader.position(partition) < end:
            fetched = await reader.getmany(timeout_ms=200, max_records=1)
    except KafkaError as error:
        raise denied(error) or KafkaUnavailable(type(error).__name__) from None
    finally:
        await reader.stop()
    found = fetched.get(partition, [])
    return found[0] if found and found[0].offset == offset else None
