"""A Subscriber reads its feed in order, and goes on where it said it was."""

import asyncio
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from broker.cli import subscribe
from broker.client import Subscriber
from broker.model.compartment import ALL_COMPARTMENTS
from broker.model.release import ReleaseKind
from broker.testing import NOON, alert_id_of, make_alert, make_label, make_recall
from broker.wire import varint
from broker.wire.admin import admin, apply_topics
from broker.wire.alert_bytes import Slots, read_attributes, read_head
from broker.wire.alert_codec import encode_alert
from broker.wire.release_bytes import (
    encode_acknowledge,
    encode_release,
    plain_closing,
)

UNIT = make_label()["originator"]
FEED = "apia-desk"
ALL = ALL_COMPARTMENTS
kafka_needed = pytest.mark.kafka


@pytest.fixture
async def cluster(connection, topics):
    """A connection to a Kafka that has this test's topics."""
    await apply_topics(connection, topics.specs([UNIT, "to-police"], [FEED]))
    return connection


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


@kafka_needed
async def test_c30_on_a_quiet_feed_a_first_position_is_kept_at_once(cluster, topics):
    await _feed(cluster, topics, _release(make_alert(alert_id=alert_id_of(1)), 1))
    reader = _desk(cluster, topics, from_start=False, to_end=False)
    async with reader as releases:
        coming = asyncio.create_task(anext(aiter(releases)))
        async with asyncio.timeout(60):
            while len(releases._follower._begun) < topics.partitions:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.1)
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
    alerts = (make_alert(alert_id=alert_id_of(2)), make_alert(alert_id=alert_id_of(3)))
    await _feed(cluster, topics, *(_release(each, 1) for each in alerts), _recall(alerts[0], 2))

    async with _desk(cluster, topics, from_start=False) as releases:
        between = [(release.alert_id, release.kind) async for release in releases]

    assert set(between) == {
        (alert_id_of(2), ReleaseKind.RELEASE), (alert_id_of(2), ReleaseKind.RECALL),
        (alert_id_of(3), ReleaseKind.RELEASE),
    }  # fmt: skip


@kafka_needed
async def test_c30_a_position_that_kafka_has_dropped_is_followed_by_the_oldest(cluster, topics):
    await _feed(cluster, topics, _release(make_alert(alert_id=alert_id_of(1)), 1))
    async with _desk(cluster, topics, from_start=False) as releases:
        assert [each async for each in releases] == []  # it stands at the end
        group = releases._follower
        places = dict.fromkeys(group._consumer.assignment(), 0)
        await group.commit(places)
    await _feed(
        cluster, topics, *(_release(make_alert(alert_id=alert_id_of(n)), 1) for n in (2, 3))
    )
    await _drop(cluster, topics, 1)

    async with _desk(cluster, topics, from_start=False) as releases:
        found = {release.alert_id async for release in releases}

    assert {alert_id_of(2), alert_id_of(3)} <= found


@kafka_needed
async def test_c30_ctrl_c_keeps_what_was_shown(cluster, topics, monkeypatch):
    alerts = [make_alert(alert_id=alert_id_of(n)) for n in (1, 2, 3)]
    await _feed(cluster, topics, *(_release(each, 1) for each in alerts))
    shown = []

    async def read(subscriber):
        async with subscriber as releases, subscribe._committed(releases):
            async for release in releases:
                shown.append(release.alert_id)
                if len(shown) == 2:
                    raise asyncio.CancelledError  # as Ctrl-C does, wherever it comes

    with pytest.raises(asyncio.CancelledError):
        await read(_desk(cluster, topics, to_end=False))
    async with _desk(cluster, topics) as releases:
        after = [release.alert_id async for release in releases]

    assert sorted([*shown, *after]) == sorted(each.label.alert_id for each in alerts)


async def _drop(cluster, topics, before):
    """Have Kafka drop what lies before offset *before* of the feed's first partition."""
    async with admin(cluster) as client:
        await client.delete_records(
            {TopicPartition(topics.feed(FEED), 0): RecordsToDelete(before_offset=before)}
        )


def _desk(cluster, topics, **options):
    group = f"{topics.prefix}desk"
    return Subscriber(cluster, FEED, group, topics=topics, **{"to_end": True, **options})


async def _fail_at_the_first(subscriber):
    async with subscriber as releases:
        async for _ in releases:
            raise RuntimeError("disk full")


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
    alert_id = alert.label.alert_id
    return str(alert_id).encode(), make_recall(alert_id, revision).value


async def _feed(connection, topics, *records):
    producer = AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers)
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(topics.feed(FEED), value=value, key=key)
    finally:
        await producer.stop()
