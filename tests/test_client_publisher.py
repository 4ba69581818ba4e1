"""What a Publisher tells as published lies in Kafka, once and in order; the refused is not sent."""

import asyncio
import time

import pytest

from broker.client import Publisher, Subscriber
from broker.cluster.local import LocalKafka
from broker.errors import KafkaUnavailable, Rejected
from broker.model.reason import Reason
from broker.testing import alert_id_of, make_alert, make_label
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import decode_alert
from broker.wire.connection import Connection
from broker.wire.partition import partition_of
from broker.wire.tail import read_to_end

UNIT = make_label()["originator"]
FEED = "apia-desk"
kafka_needed = pytest.mark.kafka


@pytest.fixture
async def cluster(connection, topics):
    """A connection to a Kafka that has this test's topics."""
    await apply_topics(connection, topics.specs([UNIT, "to-police"], [FEED]))
    return connection


async def _intake(connection, topics, unit=UNIT):
    return [record async for record in read_to_end(connection, [topics.intake(unit)])]


@kafka_needed
async def test_a_published_alert_lies_where_the_answer_says(cluster, topics):
    alert = make_alert()

    async with Publisher(cluster, UNIT, topics=topics, unprotected=True) as publisher:
        published = await publisher.publish(alert)

    (record,) = await _intake(cluster, topics)
    assert (record.partition, record.offset) == (published.partition, published.offset)
    assert record.key == str(alert.label.alert_id).encode()
    assert record.partition == partition_of(record.key, topics.partitions)
    assert decode_alert(record.value) == alert
    assert not record.headers


@kafka_needed
async def test_publishing_again_sends_the_same_bytes(cluster, topics):
    alert, key = make_alert(), b"k" * 32

    for _ in range(2):
        async with Publisher(
            cluster, UNIT, topics=topics, salt_key=key, unprotected=True
        ) as publisher:
            await publisher.publish(alert)

    first, second = await _intake(cluster, topics)
    assert first.value == second.value


@kafka_needed
async def test_another_originators_alert_is_refused_before_it_is_sent(cluster, topics):
    async with Publisher(cluster, UNIT, topics=topics, unprotected=True) as publisher:
        with pytest.raises(Rejected) as refused:
            await publisher.publish(make_alert(originator="to-police"))

    assert refused.value.reason is Reason.ORIGINATOR_DIFFERS
    assert await _intake(cluster, topics) == []
    assert await _intake(cluster, topics, "to-police") == []


@kafka_needed
async def test_an_oversized_alert_is_refused_before_it_is_sent(cluster, topics):
    long = {"legs": [{"kind": "TRANSIT", "place": "é" * 200}] * 100}
    parts = {
        "movement": long,
        "victims": {"persons": [_verbose(n) for n in range(200)]},
    }

    async with Publisher(cluster, UNIT, topics=topics, unprotected=True) as publisher:
        with pytest.raises(Rejected) as refused:
            await publisher.publish(make_alert(compartments=parts))

    assert refused.value.reason is Reason.OVERSIZED
    assert await _intake(cluster, topics) == []


@kafka_needed
async def test_a_unit_without_a_topic_is_unknown(connection, topics):
    with pytest.raises(Rejected) as refused:
        async with Publisher(connection, "nobody", topics=topics, unprotected=True):
            pass

    assert refused.value.reason is Reason.ORIGINATOR_UNKNOWN


async def test_a_cluster_that_is_not_there_is_unavailable(topics):
    nowhere = Connection("127.0.0.1:1", request_timeout_ms=1_000)

    with pytest.raises(KafkaUnavailable):
        async with Publisher(nowhere, UNIT, topics=topics, unprotected=True):
            pass
    with pytest.raises(KafkaUnavailable):
        async with Subscriber(nowhere, FEED, topics=topics):
            pass


@kafka_needed
async def test_one_refused_alert_of_a_batch_stops_none_of_the_others(cluster, topics):
    alerts = [
        make_alert(alert_id=alert_id_of(n), originator="to-police" if n == 70 else UNIT)
        for n in range(150)
    ]

    async with Publisher(cluster, UNIT, topics=topics, unprotected=True) as publisher:
        attempts = [attempt async for attempt in publisher.publish_all(alerts)]

    assert [attempt.alert for attempt in attempts] == alerts
    assert [n for n, attempt in enumerate(attempts) if attempt.error] == [70]
    assert len(await _intake(cluster, topics)) == 149


@kafka_needed
async def test_revisions_of_one_alert_keep_their_order_in_a_batch(cluster, topics):
    alerts = [
        make_alert(alert_id=alert_id_of(n % 3), revision=1 + n // 3, mark="X" * (1 + n % 30))
        for n in range(300)
    ]

    async with Publisher(cluster, UNIT, topics=topics, unprotected=True) as publisher:
        assert all([a.published async for a in publisher.publish_all(alerts)])

    sent = [decode_alert(record.value).label for record in await _intake(cluster, topics)]
    for number in range(3):
        mine = [label.revision for label in sent if label.alert_id == alert_id_of(number)]
        assert mine == list(range(1, 101))


@kafka_needed
@pytest.mark.chaos
async def test_a_broker_killed_and_paused_while_publishing_loses_and_doubles_nothing(topics):
    alerts = [make_alert(alert_id=alert_id_of(n)) for n in range(3_000)]
    with LocalKafka() as kafka:
        (node,) = kafka.nodes
        connection = Connection(kafka.bootstrap_servers)
        await apply_topics(connection, topics.specs([UNIT], []))

        async def disturb():
            await asyncio.sleep(0.3)
            await asyncio.to_thread(node.kill)
            await asyncio.to_thread(node.start)
            await asyncio.sleep(4)
            node.pause()
            await asyncio.sleep(3)
            node.go_on()

        async with Publisher(connection, UNIT, topics=topics, unprotected=True) as publisher:
            disturbing = asyncio.create_task(disturb())
            attempts = [attempt async for attempt in publisher.publish_all(_slowly(alerts))]
            await disturbing
        records = await _intake(connection, topics)

    assert [attempt.error for attempt in attempts if attempt.error] == []
    told = {(a.published.partition, a.published.offset): a.alert.label.alert_id for a in attempts}
    found = {(r.partition, r.offset): decode_alert(r.value).label.alert_id for r in records}
    assert found == told
    assert len(records) == 3_000


def _slowly(alerts):
    for alert in alerts:
        time.sleep(0.003)
        yield alert


def _verbose(number):
    names = ["é" * 200] * 4
    return {"pid": f"p{number}", "roles": ["VICTIM_POSSIBLE"], "names": names}
