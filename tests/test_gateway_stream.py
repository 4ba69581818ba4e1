"""Following a feed by server-sent events: resumed without a gap, ended with the right to it."""

import asyncio
import contextlib
import json
import uuid
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, settings_of

from broker.gateway import stream_routes
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import key_file, new_key

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

STREAM = f"/v1/feeds/{FEED}/stream"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    settings = settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder, gateway_streams=8)
    async with Behind(settings) as it:
        it.ids = [await it.publish() for _ in range(20)]
        for alert_id in it.ids:
            await it.shown(alert_id)
        yield it


@contextlib.asynccontextmanager
async def streaming(behind, headers=None, **query):
    """Open a stream; yield an iterator of (event, id, item), and of comments as (None, text)."""
    said = {**behind.headers(UNIT_OF_FEED), **(headers or {})}
    timeout = aiohttp.ClientTimeout(total=120)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(behind.url + STREAM, headers=said, params=query) as answer,
    ):
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        yield events_of(answer.content)


async def events_of(lines):
    event = {}
    async for line in lines:
        text = line.decode().rstrip("\n")
        if text.startswith(":"):
            yield "comment", None, text
        elif text:
            name, _, event[name] = text.partition(": ")
            event[name] = text.partition(": ")[2]
        elif event:
            yield event["event"], event["id"], json.loads(event["data"])
            event = {}


async def some(events, count):
    """Return the next *count* events that are no comments."""
    found = []
    async for name, cursor, item in events:
        if name != "comment":
            found.append((name, cursor, item))
            if len(found) == count:
                return found
    return found


async def test_a_stream_begins_with_the_oldest_and_is_what_pages_are(behind):
    page = await behind.page(limit=20)
    async with streaming(behind) as events:
        found = await some(events, 20)
    assert [item for _, _, item in found] == page["items"]
    assert all(cursor == item["cursor"] for _, cursor, item in found)
    assert {name for name, _, _ in found} == {"release"}


@pytest.mark.parametrize("way", ["header", "cursor"])
async def test_a_stream_goes_on_behind_the_last_event(behind, way):
    async with streaming(behind) as events:
        whole = await some(events, 20)
    for index in (0, 7, 18):
        last = whole[index][1]
        headers = {"Last-Event-ID": last} if way == "header" else {}
        query = {} if way == "header" else {"cursor": last}
        async with streaming(behind, headers, **query) as events:
            assert await some(events, 19 - index) == whole[index + 1 :]


async def test_the_last_event_counts_more_than_the_cursor_of_the_first_request(behind):
    # A browser reconnects to the same address, and says in the header how far it came.
    page = await behind.page(limit=20)
    first, last = page["items"][0]["cursor"], page["items"][17]["cursor"]
    async with streaming(behind, {"Last-Event-ID": last}, cursor=first) as events:
        found = await some(events, 2)
    assert [item for _, _, item in found] == page["items"][18:]


async def test_what_is_published_and_recalled_comes_at_once(behind):
    moment = datetime.now(UTC).isoformat()
    async with streaming(behind, since=moment) as events:
        assert (await anext(events))[0] == "comment"
        alert_id = await behind.publish()
        ((name, _, item),) = await some(events, 1)
        assert (name, item["alert_id"], item["kind"]) == ("release", alert_id, "RELEASE")
        await behind.call("POST", f"/v1/alerts/{alert_id}/cancel", ORIGINATOR)
        ((name, _, item),) = await some(events, 1)
        assert (name, item["alert_id"], item["revision"]) == ("recall", alert_id, 2)
        assert "label" not in item


async def test_a_stream_is_filtered_as_pages_are(behind):
    moment = datetime.now(UTC).isoformat()
    async with streaming(behind, since=moment, urgency="IMMEDIATE") as events:
        await anext(events)
        await behind.publish()
        wanted = await behind.publish(urgency="IMMEDIATE")
        ((_, _, item),) = await some(events, 1)
    assert item["alert_id"] == wanted


async def test_a_stream_resumes_behind_a_restart_of_the_gateway(behind):
    async with streaming(behind) as events:
        whole = await some(events, 20)
    await behind.close()
    await behind.open()
    async with streaming(behind, {"Last-Event-ID": whole[9][1]}) as events:
        assert await some(events, 10) == whole[10:]


async def test_a_gateway_that_stops_ends_its_streams(behind):
    async with streaming(behind, since=datetime.now(UTC).isoformat()) as events:
        await anext(events)
        await asyncio.wait_for(behind.close(), 60)
        assert await some(events, 1) == []
    await behind.open()


@pytest.mark.parametrize("end", ["revoked", "expired"])
async def test_a_stream_ends_soon_after_its_key(behind, end):
    now = datetime.now(UTC)
    lives = timedelta(days=1) if end == "revoked" else timedelta(seconds=4)
    made = new_key(UNIT_OF_FEED, [Right.READ], now - timedelta(hours=1), now + lives)
    key_file(behind.settings).add(made.entry)
    headers = {"Authorization": f"Bearer {made.text}"}
    async with streaming(behind, headers, since=now.isoformat()) as events:
        await anext(events)
        if end == "revoked":
            key_file(behind.settings).revoke(made.entry.id, datetime.now(UTC))
        async with asyncio.timeout(60):  # far more than it takes; far less than for ever
            assert await some(events, 1) == []


async def test_nothing_is_sent_to_a_key_that_was_revoked_a_moment_ago(behind):
    now = datetime.now(UTC)
    made = new_key(UNIT_OF_FEED, [Right.READ], now - timedelta(hours=1), now + timedelta(days=1))
    key_file(behind.settings).add(made.entry)
    headers = {"Authorization": f"Bearer {made.text}"}
    async with streaming(behind, headers, since=now.isoformat()) as events:
        await anext(events)
        key_file(behind.settings).revoke(made.entry.id, datetime.now(UTC))
        await asyncio.sleep(1.5)
        await behind.publish()
        async with asyncio.timeout(60):
            assert await some(events, 1) == []


async def test_streams_at_one_place_share_what_is_read_and_each_gets_it(behind, monkeypatch):
    reads = []
    read_page = stream_routes.read_page

    async def counted(shelf, servings, feed, position, *more):
        page = await read_page(shelf, servings, feed, position, *more)
        reads.append(page)
        return page

    monkeypatch.setattr(stream_routes, "read_page", counted)
    moment = datetime.now(UTC).isoformat()
    async with contextlib.AsyncExitStack() as stack:
        streams = []
        for _ in range(8):
            streams.append(await stack.enter_async_context(streaming(behind, since=moment)))
            await anext(streams[-1])
        reads.clear()
        ids = [await behind.publish() for _ in range(5)]
        for events in streams:
            found = [item["alert_id"] for _, _, item in await some(events, 5)]
            assert sorted(found) == sorted(ids)  # between two alerts there is no order
    with_items = [page for page in reads if page.items]
    assert sum(len(page.items) for page in with_items) < 8 * 5


async def test_an_idle_stream_says_that_it_lives(behind, monkeypatch):
    monkeypatch.setattr(stream_routes, "_ALIVE_SECONDS", 0.2)
    async with streaming(behind, since=datetime.now(UTC).isoformat()) as events:
        found = []
        async with asyncio.timeout(60):
            while found.count("comment") < 4:  # what others published may come between
                name, _, _ = await anext(events)
                found.append(name)
    assert set(found[-2:]) == {"comment"}


async def test_streams_beyond_the_limit_are_refused_and_room_comes_back(behind):
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(8):
            events = await stack.enter_async_context(streaming(behind))
            await anext(events)
        status, headers, said = await behind.call("GET", STREAM, UNIT_OF_FEED)
        assert (status, said["code"]) == (503, "STREAMS_FULL")
        assert int(headers["Retry-After"]) >= 1
    async with asyncio.timeout(60):
        while True:
            async with behind.session.get(
                behind.url + STREAM, headers=behind.headers(UNIT_OF_FEED)
            ) as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.2)


async def test_readers_that_vanish_leave_no_stream_behind(behind):
    for _ in range(40):  # five times as many as may be open
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(0.05), streaming(behind) as events:
                await some(events, 20)
    async with asyncio.timeout(60):
        while True:
            try:
                async with streaming(behind) as events:
                    assert len(await some(events, 20)) == 20
                    return
            except AssertionError:
                await asyncio.sleep(0.2)
