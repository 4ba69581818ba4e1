"""C25: a reader that comes back to less than it left is told so, at that moment, and once."""

import asyncio
import json
import uuid

import pytest
from aiokafka.admin import RecordsToDelete
from gatewaying import FEED, UNIT_OF_FEED, Behind, settings_of
from pydantic import SecretStr

from broker.cli import subscribe as command
from broker.client import Subscriber
from broker.client.http import Credentials, HttpSubscriber
from broker.gateway import projection
from broker.testing import alert_id_of, make_recall
from broker.wire.admin import admin, apply_topics
from broker.wire.partition import Target
from broker.wire.sender import Sender

DESK = "apia-desk"
pytestmark = pytest.mark.kafka


@pytest.fixture
async def cluster(connection, topics):
    await apply_topics(connection, topics.specs([], [DESK]))
    return connection


async def _write(connection, topic, *numbers):
    """Write recalls, which every reader can read; return where each lies."""
    sender = Sender(connection)
    await sender.start()
    try:
        return [
            await sender.send(topic, str(alert_id_of(1)).encode(), _recall(number))
            for number in numbers
        ]
    finally:
        await sender.stop()


def _recall(revision):
    return make_recall(alert_id_of(1), revision).value


async def _delete(connection, topic, partition, before):
    async with admin(connection) as client:
        until = RecordsToDelete(before_offset=before)
        await client.delete_records({Target(topic, partition): until})


async def _read(connection, topics, told, **more):
    subscriber = Subscriber(
        connection, DESK, "desk", topics=topics, to_end=True, on_lost=told.append, **more
    )
    async with subscriber as releases:
        seen = [each.revision async for each in releases]
    return seen, (subscriber.gaps, subscriber.lost)


async def test_c25_a_position_before_what_is_left_is_a_gap_with_a_count(cluster, topics):
    topic, told = topics.feed(DESK), []
    await _write(cluster, topic, 1, 2)
    assert await _read(cluster, topics, told) == ([1, 2], (0, 0))
    *_, kept = await _write(cluster, topic, 3, 4, 5, 6)
    await _delete(cluster, topic, kept.partition, kept.offset)

    assert await _read(cluster, topics, told) == ([6], (1, 3))
    assert told == [3]
    assert await _read(cluster, topics, told) == ([], (0, 0))  # said once


async def test_c25_a_gap_with_nothing_behind_it_is_said_once(cluster, topics):
    topic, told = topics.feed(DESK), []
    await _write(cluster, topic, 1)
    await _read(cluster, topics, told)
    *_, last = await _write(cluster, topic, 2, 3)
    await _delete(cluster, topic, last.partition, last.offset + 1)

    assert await _read(cluster, topics, told) == ([], (1, 2))
    assert await _read(cluster, topics, told) == ([], (0, 0))


async def test_c25_a_reader_that_was_overtaken_while_it_read_is_told(cluster, topics):
    topic, told = topics.feed(DESK), []
    await _write(cluster, topic, 1)
    subscriber = Subscriber(cluster, DESK, "desk", topics=topics, on_lost=told.append)
    async with subscriber as releases:
        reading = aiter(releases)
        assert (await asyncio.wait_for(anext(reading), 60)).revision == 1
        subscriber._follower._consumer.pause(*subscriber._follower._consumer.assignment())
        *_, kept = await _write(cluster, topic, 2, 3, 4)
        await _delete(cluster, topic, kept.partition, kept.offset)
        subscriber._follower._consumer.resume(*subscriber._follower._consumer.assignment())
        behind = await asyncio.wait_for(anext(reading), 60)
    # What had been fetched before it was deleted is no loss.
    assert (behind.revision, told) in [(4, [2]), (2, [])]


@pytest.mark.parametrize("as_json", [True, False])
async def test_c25_the_command_says_it_where_it_comes_to_it(
    cluster, topics, monkeypatch, capsys, as_json
):
    monkeypatch.setenv("LALI_BOOTSTRAP_SERVERS", cluster.bootstrap_servers)
    monkeypatch.setenv("LALI_TOPIC_PREFIX", topics.prefix)
    monkeypatch.setenv("LALI_PARTITIONS", str(topics.partitions))
    settings = command.load_settings()
    await _write(cluster, topics.feed(DESK), 1)
    asked = {"group": "g", "from_start": True, "to_end": True, "as_json": as_json}
    await command._follow(DESK, settings, **asked)
    assert "RECORDS_LOST" not in capsys.readouterr().err
    *_, kept = await _write(cluster, topics.feed(DESK), 2, 3)
    await _delete(cluster, topics.feed(DESK), kept.partition, kept.offset)

    await command._follow(DESK, settings, **asked)
    said = capsys.readouterr()
    assert f"up to 1 releases or recalls of {DESK} were deleted" in said.err
    if as_json:
        lines = [line for line in said.out.splitlines() if line.startswith("{")]  # no log
        first, second = map(json.loads, lines)
        assert first == {"lost": {"feed": DESK, "at_most": 1}}
        assert second["revision"] == 3


@pytest.fixture
async def behind(kafka, tmp_path, monkeypatch):
    monkeypatch.setattr(projection, "_DROPPED_EVERY_SECONDS", 0.2)
    settings = settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", tmp_path / "data", partitions=1)
    async with Behind(settings) as running:
        yield running


async def _lose(behind, *, left):
    """Publish and have Kafka delete all that the feed has but the last *left*."""
    alerts = [await behind.publish() for _ in range(3)]
    for each in alerts:
        await behind.shown(each)
    rows = behind.doors.shelf.after(FEED, {}, 500)
    before = rows[-left].offset if left else rows[-1].offset + 1
    topic = behind.parts.topics.feed(FEED)
    await _delete(behind.parts.connection("test"), topic, 0, before)
    async with asyncio.timeout(60):
        while behind.doors.shelf.first(FEED, 0) != before:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return alerts


async def test_c25_a_page_says_once_what_is_gone(behind):
    first = await behind.publish()
    await behind.shown(first)
    page = await behind.page()
    assert "lost" not in page
    alerts = await _lose(behind, left=1)

    late = await behind.page(cursor=page["next"])
    assert [each["alert_id"] for each in late["items"]] == alerts[-1:]
    assert late["lost"] >= 2  # ends of transactions count, too
    assert "lost" not in await behind.page(cursor=late["next"])
    assert "lost" not in await behind.page()  # whoever begins has lost nothing


@pytest.mark.parametrize("mode", ["pages", "stream"])
async def test_c25_the_http_client_counts_and_says_it(behind, tmp_path, mode):
    key = behind.headers(UNIT_OF_FEED)["Authorization"].removeprefix("Bearer ")
    told, place = [], tmp_path / "desk.position"

    def reader(**more):
        return HttpSubscriber(
            behind.url,
            FEED,
            Credentials(api_key=SecretStr(key)),
            position=place,
            on_lost=told.append,
            **more,
        )

    first = await behind.publish()
    await behind.shown(first)
    async with reader(mode="pages", to_end=True) as releases:
        assert [str(each.alert_id) async for each in releases] == [first]
        assert (releases.gaps, releases.lost, told) == (0, 0, [])
    alerts = await _lose(behind, left=1)

    async with reader(mode=mode, poll_seconds=0.2) as releases:
        late = await asyncio.wait_for(anext(aiter(releases)), 60)
        assert str(late.alert_id) == alerts[-1]
        assert releases.gaps == 1
        assert told == [releases.lost]
        assert releases.lost >= 2
        await releases.commit()
    async with reader(mode="pages", to_end=True) as releases:
        assert [each async for each in releases] == []
        assert releases.gaps == 0
