"""Ask the brokers what time it is: a record's time is its broker's, where topics say so.

One empty record goes to each partition of the clock topic. Its time was taken by the broker
between our sending it and our hearing of it, so the difference of the two clocks lies between
two bounds, however slow the network is (the exchange of RFC 5905, section 8, with one side's
moments in place of two).
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.connection import Connection
from broker.wire.consumer import LOG_APPEND_TIME
from broker.wire.welcome import denied


class Reading(NamedTuple):
    """How far the clock of *broker* is ahead of ours: at least and at most, milliseconds."""

    broker: int
    least: int
    most: int

    @property
    def beyond(self) -> int:
        """By how much the clocks differ for certain, signed: positive if the broker is ahead."""
        return max(self.least, 0) + min(self.most, 0)


async def read_clocks(
    connection: Connection, topic: str, clock: Callable[[], int]
) -> list[Reading]:
    """Return one reading of each broker that leads a partition of *topic* and answers.

    Raises:
        KafkaRefused: We may not write there.
        KafkaUnavailable: No broker answered, or *topic* does not take the broker's time.
    """
    producer = AIOKafkaProducer(**connection.options(), acks=1, enable_idempotence=False)
    try:
        async with asyncio.timeout(2 * connection.request_timeout_ms / 1000):
            await producer.start()
            numbers = await producer.partitions_for(topic)
            asked = (_ask(producer, TopicPartition(topic, n), clock) for n in sorted(numbers))
            found = await asyncio.gather(*asked, return_exceptions=True)
    except (KafkaError, OSError, TimeoutError) as error:
        raise _unknown(error) from None
    finally:
        await producer.stop()
    return _of_each_broker(found)


async def _ask(
    producer: AIOKafkaProducer, partition: TopicPartition, clock: Callable[[], int]
) -> Reading:
    before = clock()
    sent = await producer.send(partition.topic, b"", partition=partition.partition)
    written = await sent
    after = clock()
    if written.timestamp_type != LOG_APPEND_TIME:
        raise KafkaUnavailable("CLOCK_UNKNOWN: topics do not take brokers' times: topics apply")
    leader = producer.client.cluster.leader_for_partition(partition)
    return Reading(leader, written.timestamp - after, written.timestamp - before)


def _of_each_broker(found: list[Reading | BaseException]) -> list[Reading]:
    readings = {each.broker: each for each in found if isinstance(each, Reading)}
    if not readings:
        faults = [each for each in found if isinstance(each, BaseException)]
        raise _unknown(faults[0] if faults else TimeoutError())
    return [readings[broker] for broker in sorted(readings)]


def _unknown(error: BaseException) -> BaseException:
    if isinstance(error, asyncio.CancelledError | KafkaUnavailable):
        return error
    said = f"CLOCK_UNKNOWN: {type(error).__name__}: is there a clock topic (`lali topics apply`)?"
    return denied(error) or KafkaUnavailable(said)
