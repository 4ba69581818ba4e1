"""What cannot be written inside a transaction: the offset stays, the alert is set aside."""

import asyncio
import contextlib
import random

import pytest

from broker.audit.balance import balance, read_disclosed, read_published
from broker.audit.log import read_audit
from broker.model.reason import Reason
from broker.pipeline.accept import Accept
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.resources import shipped
from broker.testing import alert_id_of, make_alert, make_compartments
from broker.wire import codec
from broker.wire.admin import apply_topics, committed_offsets
from broker.wire.alert_codec import encode_alert
from broker.wire.consumer import Gate, group_consumer
from broker.wire.outbox import Fanout
from broker.wire.partition import Target
from broker.wire.producer import TransactionalProducer, TransactionFailed
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics, TopicSpec

pytestmark = [pytest.mark.kafka, pytest.mark.chaos]

UNIT = "fiji-immigration"
#: A feed that every alert of these tests is released to, and the most that it takes, bytes.
NARROW, LIMIT = "ptccc-coordinate", 20_000
LARGE = 7
ALERTS = 20


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(shipped("policies") / "pacific")


@pytest.fixture
def topics(topics):
    return Topics(topics.prefix, partitions=1)


@pytest.fixture
async def published(connection, topics, bundle):
    """Twenty alerts are accepted; one of them is more than one of its feeds takes."""
    specs = topics.specs(bundle.community.publishers(), bundle.community.feeds)
    for spec in specs:
        if spec.name == topics.feed(NARROW):
            spec.config["max.message.bytes"] = str(LIMIT)
    await apply_topics(connection, specs)
    await _send(connection, topics, [_alert(number) for number in range(ALERTS)])
    async with _running(Accept(connection, topics, [UNIT])):
        await _until(lambda: _count(connection, topics.alerts), ALERTS)


async def test_after_a_send_that_failed_for_good_the_groups_offset_is_where_it_was(
    connection, topics
):
    small, source = f"{topics.prefix}small", f"{topics.prefix}source"
    limit = {"max.message.bytes": str(LIMIT)}
    await apply_topics(connection, [TopicSpec(small, 1, config=limit), TopicSpec(source, 1)])
    group, at, target = f"{source}-group", Target(source, 0), Fanout(Target(small, 0))

    async def commit(value: bytes, next_offset: int) -> None:
        producer = TransactionalProducer(connection, f"{source}-id")
        await producer.start()
        outbox = producer.outbox()
        outbox.add(target, b"key", value)
        try:
            await producer.commit(outbox, at, next_offset, group)
        finally:
            await producer.discard()

    await commit(b"small", 1)
    with pytest.raises(TransactionFailed) as failed:
        await commit(random.Random(1).randbytes(2 * LIMIT), 2)
    after_failure = await committed_offsets(connection, group)
    await commit(b"small again", 3)

    assert failed.value.for_good
    assert after_failure == {at: 1}
    await _until(lambda: _count(connection, small), 2)
    assert await committed_offsets(connection, group) == {at: 3}
    assert await _values(connection, small) == [b"small", b"small again"]


async def test_an_alert_too_large_for_one_feed_is_set_aside_and_its_neighbours_flow(
    connection, topics, bundle, published
):
    async with _running(Router(connection, topics, Decider(bundle).plan)):
        await _until(lambda: _said(connection, topics), ALERTS)
        await _until(lambda: _count(connection, topics.feed(NARROW)), ALERTS - 1)

    log = await read_audit(connection, topics)
    (refused,) = log.of("QUARANTINED")
    assert (refused.reason, refused.stage) == (Reason.RELEASE_TOO_LARGE.value, "ROUTE")
    assert refused.alert_id == alert_id_of(LARGE)
    assert {e.alert_id for e in log.of("DECIDED")} == _ids() - {alert_id_of(LARGE)}
    assert log.repeated == 0

    (kept,) = await _values(connection, topics.quarantine)
    kept = codec.decode_trusted(kept, "quarantine")
    originals = await _values(connection, topics.intake(UNIT))
    assert kept["value"] == originals[LARGE]

    feeds = list(bundle.community.feeds)
    disclosed = await read_disclosed(connection, topics, feeds)
    assert alert_id_of(LARGE) not in {alert_id for _, alert_id, _, _ in disclosed}
    books = balance(await read_published(connection, topics, [UNIT]), log, disclosed)
    assert books.holds, books
    assert (books.accepted, books.quarantined) == (ALERTS - 1, 1)


async def test_a_router_superseded_while_it_looks_for_the_large_alert_writes_nothing(
    connection, topics, bundle, published
):
    stale, lane, partition, records = await _stalled(connection, topics, bundle)
    async with _running(Router(connection, topics, Decider(bundle).plan)):
        await _until(lambda: _said(connection, topics), ALERTS)
    before = await read_audit(connection, topics)
    offsets = await committed_offsets(connection, topics.route_group())

    with pytest.raises(TransactionFailed) as failed:
        await lane._transact_singly(records)
    await stale._close_lanes({partition})

    assert not failed.value.for_good
    after = await read_audit(connection, topics)
    assert (len(after.entries), after.repeated) == (len(before.entries), 0)
    assert await committed_offsets(connection, topics.route_group()) == offsets
    disclosed = await read_disclosed(connection, topics, bundle.community.feeds)
    assert set(disclosed.values()) == {1}


async def _stalled(connection, topics, bundle):
    """Return a router that has opened its partition and read, and then stood still."""
    router = Router(connection, topics, Decider(bundle).plan)
    consumer = group_consumer(connection, topics.route_group())

    async def notice_nothing(_):
        return

    gate = Gate(consumer, notice_nothing)
    await consumer.start()
    try:
        consumer.subscribe([topics.alerts], listener=gate)
        partition = Target(topics.alerts, 0)
        async with asyncio.timeout(60):
            while not gate.waiting():
                await consumer.getmany(timeout_ms=100)
            await router._open_lane(consumer, gate, partition)
            records = []
            while len(records) < ALERTS:
                records += (await consumer.getmany(timeout_ms=100)).get(partition, [])
    finally:
        await consumer.stop()
    return router, router._lanes[partition], partition, records


def _alert(number: int):
    compartments = make_compartments()
    if number == LARGE:
        noise = random.Random(number)
        compartments["suspects"]["persons"] = [
            {"pid": f"s{n}", "roles": ["SUSPECT"], "names": [noise.randbytes(100).hex()]}
            for n in range(300)
        ]
        del compartments["documents"]  # they name a person that is not there
    return make_alert(alert_id=alert_id_of(number), compartments=compartments)


def _ids():
    return {alert_id_of(number) for number in range(ALERTS)}


async def _send(connection, topics, alerts):
    sender = Sender(connection)
    await sender.start()
    try:
        for alert in alerts:
            key = str(alert.label.alert_id).encode()
            await sender.send(topics.intake(UNIT), key, encode_alert(alert))
    finally:
        await sender.stop()


@contextlib.asynccontextmanager
async def _running(role):
    running = asyncio.create_task(role.run())
    try:
        yield
    finally:
        role.stop()
        await asyncio.wait([running], timeout=60)


async def _until(count, wanted: int) -> None:
    async with asyncio.timeout(120):
        while await count() < wanted:  # noqa: ASYNC110 - asked of Kafka
            await asyncio.sleep(0.2)


async def _said(connection, topics) -> int:
    log = await read_audit(connection, topics)
    return len(list(log.of("DECIDED", "QUARANTINED")))


async def _count(connection, topic) -> int:
    return len(await _values(connection, topic))


async def _values(connection, topic):
    return [record.value async for record in read_to_end(connection, [topic])]
