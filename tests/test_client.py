"""Publisher and Subscriber against a real Kafka."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from broker.client import Publisher, Subscriber
from broker.client.salts import derived_salts, kept_key
from broker.cluster.local import LocalKafka
from broker.errors import KafkaUnavailable, Rejected, SettingsInvalid
from broker.model.reason import Reason
from broker.model.release import ReleaseKind
from broker.testing import NOON, alert_id_of, make_alert, make_label
from broker.wire import varint
from broker.wire.admin import apply_topics
from broker.wire.alert_bytes import Slots, read_attributes, read_head
from broker.wire.alert_codec import decode_alert, encode_alert
from broker.wire.connection import Connection
from broker.wire.partition import partition_of
from broker.wire.release_bytes import (
    encode_acknowledge,
    encode_recall,
    encode_release,
    plain_closing,
)
from broker.wire.tail import read_to_end

UNIT = make_label()["originator"]
FEED = "apia-desk"
ALL = (1 << 12) - 1

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

    async with Publisher(cluster, UNIT, topics=topics) as publisher:
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
        async with Publisher(cluster, UNIT, topics=topics, salt_key=key) as publisher:
            await publisher.publish(alert)

    first, second = await _intake(cluster, topics)
    assert first.value == second.value


@kafka_needed
async def test_another_originators_alert_is_refused_before_it_is_sent(cluster, topics):
    async with Publisher(cluster, UNIT, topics=topics) as publisher:
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

    async with Publisher(cluster, UNIT, topics=topics) as publisher:
        with pytest.raises(Rejected) as refused:
            await publisher.publish(make_alert(compartments=parts))

    assert refused.value.reason is Reason.OVERSIZED
    assert await _intake(cluster, topics) == []


@kafka_needed
async def test_a_unit_without_a_topic_is_unknown(connection, topics):
    with pytest.raises(Rejected) as refused:
        async with Publisher(connection, "nobody", topics=topics):
            pass

    assert refused.value.reason is Reason.ORIGINATOR_UNKNOWN


async def test_a_cluster_that_is_not_there_is_unavailable(topics):
    nowhere = Connection("127.0.0.1:1", request_timeout_ms=1_000)

    with pytest.raises(KafkaUnavailable):
        async with Publisher(nowhere, UNIT, topics=topics):
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

    async with Publisher(cluster, UNIT, topics=topics) as publisher:
        attempts = [attempt async for attempt in publisher.publish_all(alerts)]

    assert [attempt.alert for attempt in attempts] == alerts
    assert [n for n, attempt in enumerate(attempts) if attempt.error] == [70]
    assert len(await _intake(cluster, topics)) == 149


@kafka_needed
async def test_revisions_of_one_alert_keep_their_order_in_a_batch(cluster, topics):
    alerts = [
        make_alert(alert_id=alert_id_of(n % 3), revision=1 + n // 3, mark="X" * (1 + n % 60))
        for n in range(300)
    ]

    async with Publisher(cluster, UNIT, topics=topics) as publisher:
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

        async with Publisher(connection, UNIT, topics=topics) as publisher:
            disturbing = asyncio.create_task(disturb())
            attempts = [attempt async for attempt in publisher.publish_all(_slowly(alerts))]
            await disturbing
        records = await _intake(connection, topics)

    assert [attempt.error for attempt in attempts if attempt.error] == []
    told = {(a.published.partition, a.published.offset): a.alert.label.alert_id for a in attempts}
    found = {(r.partition, r.offset): decode_alert(r.value).label.alert_id for r in records}
    assert found == told
    assert len(records) == 3_000


@kafka_needed
async def test_a_subscriber_sees_releases_in_order_and_recalls(cluster, topics):
    alert = make_alert(alert_id=alert_id_of(1))
    second = make_alert(alert_id=alert_id_of(1), revision=2)
    await _feed(cluster, topics, _release(alert, ALL), _release(second, 1), _recall(alert, 3))

    async with Subscriber(cluster, FEED, topics=topics, to_end=True) as releases:
        seen = [release async for release in releases]

    assert [release.revision for release in seen] == [1, 2, 3]
    assert seen[0].compartments == alert.compartments
    assert seen[1].compartments.mask == 1
    assert seen[2].kind is ReleaseKind.RECALL
    assert seen[2].label is None


@kafka_needed
async def test_the_content_of_an_expired_release_is_dropped(cluster, topics):
    alert = make_alert(expires_at=NOON + timedelta(hours=1))
    await _feed(cluster, topics, _release(alert, ALL))

    async with Subscriber(
        cluster, FEED, topics=topics, to_end=True, clock=lambda: NOON + timedelta(hours=1)
    ) as releases:
        (release,) = [release async for release in releases]

    assert release.label == alert.label
    assert release.compartments.mask == 0


@kafka_needed
async def test_an_unreadable_release_stops_nothing_behind_it(cluster, topics):
    alert = make_alert(alert_id=alert_id_of(1))
    broken = (str(alert.label.alert_id).encode(), _release(alert, ALL)[1][:-30])
    await _feed(cluster, topics, broken, _recall(alert, 2))

    async with Subscriber(cluster, FEED, topics=topics, to_end=True) as releases:
        seen = [release async for release in releases]

        assert [release.kind for release in seen] == [ReleaseKind.RECALL]
        assert releases.unreadable == 1


@kafka_needed
async def test_a_group_goes_on_where_it_stopped(cluster, topics):
    await _feed(
        cluster, topics, *(_release(make_alert(alert_id=alert_id_of(n)), 1) for n in (1, 2))
    )
    async with _desk(cluster, topics) as releases:
        first = [release async for release in releases]
    await _feed(cluster, topics, _release(make_alert(alert_id=alert_id_of(3)), 1))

    async with _desk(cluster, topics) as releases:
        second = [release async for release in releases]

    assert {r.alert_id for r in first} == {alert_id_of(1), alert_id_of(2)}
    assert {r.alert_id for r in second} == {alert_id_of(3)}


@kafka_needed
async def test_what_was_not_committed_comes_again(cluster, topics):
    await _feed(cluster, topics, _release(make_alert(alert_id=alert_id_of(1)), 1))

    with pytest.raises(RuntimeError, match="disk full"):
        await _fail_at_the_first(_desk(cluster, topics))
    async with _desk(cluster, topics, auto_commit=False) as releases:
        again = [release async for release in releases]
    async with _desk(cluster, topics, auto_commit=False) as releases:
        once_more = []
        async for release in releases:
            once_more.append(release)
            await releases.commit()
    async with _desk(cluster, topics) as releases:
        after = [release async for release in releases]

    assert [r.alert_id for r in again] == [r.alert_id for r in once_more] == [alert_id_of(1)]
    assert after == []


@kafka_needed
async def test_a_follower_from_the_end_waits_for_what_comes(cluster, topics):
    await _feed(cluster, topics, _release(make_alert(alert_id=alert_id_of(1)), 1))
    async with Subscriber(cluster, FEED, topics=topics, from_start=False) as releases:
        coming = asyncio.create_task(anext(aiter(releases)))
        await asyncio.sleep(1)
        await _feed(cluster, topics, _release(make_alert(alert_id=alert_id_of(2)), 1))

        release = await asyncio.wait_for(coming, 20)

    assert release.alert_id == alert_id_of(2)


def test_salts_depend_on_the_key_and_on_everything_in_the_alert():
    alert, other = make_alert(alert_id=alert_id_of(1)), make_alert(alert_id=alert_id_of(2))
    changed = make_alert(alert_id=alert_id_of(1), mark="OTHER")

    def first(key, alert):
        return derived_salts(key, alert)()

    key = b"k" * 32
    assert first(key, alert) == first(key, alert)
    assert len({first(key, alert), first(key, other), first(key, changed)}) == 3
    assert first(b"l" * 32, alert) != first(key, alert)


def test_no_salt_is_used_twice_within_an_alert():
    salts = derived_salts(b"k" * 32, make_alert())

    assert len({salts() for _ in range(12)}) == 12


def test_a_key_is_made_once_and_kept_for_its_owner_only(tmp_path: Path):
    path = tmp_path / "keys" / "unit.key"

    key = kept_key(path)

    assert len(key) == 32
    assert kept_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_refused(tmp_path: Path):
    (tmp_path / "unit.key").write_bytes(b"short")

    with pytest.raises(SettingsInvalid):
        kept_key(tmp_path / "unit.key")


def _desk(cluster, topics, **options):
    group = f"{topics.prefix}desk"
    return Subscriber(cluster, FEED, group, topics=topics, to_end=True, **options)


async def _fail_at_the_first(subscriber):
    async with subscriber as releases:
        async for _ in releases:
            raise RuntimeError("disk full")


def _slowly(alerts):
    for alert in alerts:
        time.sleep(0.003)
        yield alert


def _verbose(number):
    names = ["é" * 200] * 4
    return {"pid": f"p{number}", "roles": ["VICTIM_POSSIBLE"], "names": names}


def _release(alert, mask):
    value = encode_alert(alert)
    start = read_head(value)[3]
    _, label_end, slots_at = read_attributes(value, start)
    moment = varint.encode(int(NOON.timestamp() * 1000))
    slots = Slots(value, slots_at)
    release = encode_release(
        value,
        label_end,
        slots,
        mask,
        encode_acknowledge(None),
        moment,
        plain_closing(value, slots.end),
    )
    return str(alert.label.alert_id).encode(), release


def _recall(alert, revision):
    moment = varint.encode(int(NOON.timestamp() * 1000))
    alert_id = alert.label.alert_id
    return str(alert_id).encode(), encode_recall(alert_id.bytes, revision, moment)


async def _feed(connection, topics, *records):
    producer = AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers)
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(topics.feed(FEED), value=value, key=key)
    finally:
        await producer.stop()
