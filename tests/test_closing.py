"""B20: clients of Kafka start and end in a bounded time, and a new group begins at once."""

import asyncio
import uuid

import pytest

from broker.cluster.local import LocalKafka
from broker.wire import bounded_consumer, bounded_producer
from broker.wire.admin import apply_topics
from broker.wire.connection import Connection
from broker.wire.consumer import group_consumer
from broker.wire.producer import idempotent_producer
from broker.wire.topics import TopicSpec

pytestmark = pytest.mark.kafka

PARTITIONS = 40


@pytest.fixture(scope="module")
def node():
    """A cluster of one node that may be frozen."""
    with LocalKafka(heap_mb=384) as cluster:
        yield cluster


@pytest.fixture
def patient(node):
    """Clients that wait for an answer for longer than the test does for them."""
    return Connection(node.bootstrap_servers, request_timeout_ms=120_000)


@pytest.fixture
async def topic(patient):
    name = f"t{uuid.uuid4().hex[:8]}"
    await apply_topics(patient, [TopicSpec(name, PARTITIONS)])
    return name


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(bounded_consumer, "STOP_SECONDS", 1.0)
    monkeypatch.setattr(bounded_producer, "STOP_SECONDS", 1.0)
    monkeypatch.setattr(bounded_producer, "START_SECONDS", 1.0)


class frozen:  # noqa: N801 - reads as what it does
    """Kafka does not answer inside this."""

    def __init__(self, node):
        self._node = node.nodes[0]

    async def __aenter__(self):
        await asyncio.to_thread(self._node.pause)

    async def __aexit__(self, *_):
        await asyncio.to_thread(self._node.go_on)


async def test_b20_a_new_group_asks_once_where_all_its_partitions_begin(patient, topic):
    """Asked one by one, a broker that comes back holds accept up for minutes."""
    producer, consumer = idempotent_producer(patient), group_consumer(patient, topic)
    await producer.start()
    for number in range(PARTITIONS):
        await producer.send_and_wait(topic, b"v", partition=number)
    await producer.stop()
    await consumer.start()
    asked = []
    inner = consumer._fetcher._proc_offset_request

    async def ask(node_id, topics):
        asked.append(sum(map(len, topics.values())))
        return await inner(node_id, topics)

    consumer._fetcher._proc_offset_request = ask
    consumer.subscribe([topic])
    read = set()
    async with asyncio.timeout(120):
        while len(read) < PARTITIONS:
            read |= {each.partition for each in await consumer.getmany(timeout_ms=100)}
    await consumer.stop()

    assert sum(asked) == PARTITIONS
    assert len(asked) <= 3


async def test_b20_a_producer_with_something_to_write_is_cut_off(node, patient, topic, impatient):
    producer = idempotent_producer(patient)
    await producer.start()
    await producer.send_and_wait(topic, b"v", partition=0)
    async with frozen(node):
        waiting = await producer.send(topic, b"v", partition=0)
        async with asyncio.timeout(60):
            await producer.stop()
    await asyncio.wait([waiting], timeout=60)
    assert waiting.done()


async def test_b20_a_consumer_of_a_group_is_cut_off(node, patient, topic, impatient):
    consumer = group_consumer(patient, topic)
    await consumer.start()
    consumer.subscribe([topic])
    async with asyncio.timeout(120):
        while not consumer.assignment():  # noqa: ASYNC110 - the group is joined beside us
            await asyncio.sleep(0.1)
    async with frozen(node):
        async with asyncio.timeout(60):
            await consumer.stop()


async def test_b20_a_producer_that_gets_no_id_says_so(node, patient, impatient):
    producer = idempotent_producer(patient)
    async with frozen(node):
        with pytest.raises(bounded_producer.KafkaConnectionError):
            async with asyncio.timeout(60):
                await producer.start()
    await producer.stop()
