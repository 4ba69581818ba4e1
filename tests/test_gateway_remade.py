"""A feed's topic that was deleted and made anew: whoever stood in the old one misses nothing."""

import asyncio

import pytest
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.gateway import projection
from broker.wire.admin import admin, list_topics

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

OLD, NEW = 8, 3


@pytest.fixture
async def behind(kafka, topics, tmp_path, monkeypatch):
    monkeypatch.setattr(projection, "_ERAS_EVERY_SECONDS", 0.2)
    async with Behind(settings_of(kafka, topics.prefix, tmp_path)) as it:
        yield it


@pytest.mark.parametrize("running", [True, False], ids=["under a gateway", "while it was down"])
async def test_an_old_cursor_begins_anew_in_the_new_topic(behind, running):
    _, cursor = await everything(behind, await published(behind, OLD), None)

    if not running:
        await behind.close()
    await make_anew(behind)
    if not running:
        await behind.open()

    told = await published(behind, NEW)
    seen, cursor = await everything(behind, told, cursor)
    assert seen == told
    assert await everything(behind, set(), cursor) == (set(), cursor)


async def test_a_stream_ends_so_that_its_reader_comes_again(behind):
    path = f"{behind.url}/v1/feeds/{FEED}/stream"
    async with behind.session.get(path, headers=behind.headers(UNIT_OF_FEED)) as stream:
        assert stream.status == 200
        await make_anew(behind)
        async with asyncio.timeout(60):
            while await stream.content.read(1024):
                pass


async def published(behind, count):
    told = set()
    for _ in range(count):
        status, _, body = await behind.call("POST", "/v1/alerts", ORIGINATOR, json=draft())
        assert status in (200, 201, 202), body
        told.add(body["alert_id"])
    return told


async def everything(behind, wanted, cursor):
    """Read on from *cursor* until *wanted* came, or once where nothing is wanted."""
    seen = set()
    async with asyncio.timeout(90):
        while True:
            query = {"cursor": cursor} if cursor else {}
            path = f"/v1/feeds/{FEED}"
            status, _, page = await behind.call("GET", path, UNIT_OF_FEED, params=query)
            if status == 200:
                seen |= {item["alert_id"] for item in page["items"]}
                cursor = page["next"]
            if wanted <= seen:
                return seen, cursor
            await asyncio.sleep(0.1)


async def make_anew(behind):
    parts = behind.parts
    connection, topic = parts.connection("remaking"), parts.topics.feed(FEED)
    async with admin(connection) as client:
        await client.delete_topics([topic])
    async with asyncio.timeout(60):
        while topic in await list_topics(connection):  # noqa: ASYNC110 - asked of Kafka
            await asyncio.sleep(0.1)
    await parts.apply_topics()
