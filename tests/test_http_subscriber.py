"""HttpSubscriber against a real gateway: stream and pages, restarts of either side, seals."""

import asyncio
import contextlib
import json
import uuid
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from faulty_link import FaultyLink
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, settings_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from broker.audit.log import read_audit
from broker.client.http import Credentials, HttpSubscriber, Patience
from broker.client.http.events import Event, EventParser
from broker.errors import GatewayRefused, GatewayUnavailable, SettingsInvalid
from broker.keys import client_protection
from broker.model.exchange import RefusalReason
from broker.model.release import ReleaseKind

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    prefix = f"t{uuid.uuid4().hex[:8]}."
    async with Behind(settings_of(kafka, prefix, folder, protection="required")) as it:
        it.alerts = [await it.publish() for _ in range(12)]
        for alert_id in it.alerts:
            await it.shown(alert_id)
        yield it


def subscriber(behind, *, url=None, feed=FEED, unit=UNIT_OF_FEED, **more):
    key = behind.headers(unit)["Authorization"].removeprefix("Bearer ")
    credentials = Credentials(api_key=SecretStr(key))
    return HttpSubscriber(url or behind.url, feed, credentials, **{"poll_seconds": 0.2, **more})


async def read(behind, **more):
    async with subscriber(behind, to_end=True, **more) as releases:
        return [release async for release in releases]


def ids(releases):
    return [str(release.alert_id) for release in releases]


async def until(releases, wanted):
    """Return what comes until all of *wanted* came."""
    found = []
    async with asyncio.timeout(150):
        async for release in releases:
            found.append(release)
            if wanted <= set(ids(found)):
                break
    return found


@pytest.mark.kafka
@pytest.mark.parametrize("items", [1, 5, 500])
async def test_a_feed_is_read_to_its_end_by_pages_of_any_size(behind, items):
    found = ids(await read(behind, page_items=items))

    assert set(found) >= set(behind.alerts)
    assert len(found) == len(set(found))


@pytest.mark.kafka
@pytest.mark.parametrize("mode", ["stream", "pages"])
async def test_what_comes_is_followed_from_now_on(behind, mode):
    await asyncio.sleep(3)  # the gateway tells "now" in whole seconds, and up to one late
    async with subscriber(behind, mode=mode, from_start=False) as releases:
        following = asyncio.create_task(until(releases, set()))
        await asyncio.sleep(2)
        new = [await behind.publish() for _ in range(3)]
        first = await following
        rest = await until(releases, set(new[1:]))
    assert ids(first) == new[:1] or set(ids(first)) < set(new)
    assert set(ids(first + rest)) == set(new)


@pytest.mark.kafka
@pytest.mark.parametrize("mode", ["stream", "pages"])
async def test_reading_goes_on_where_it_was_after_a_restart(behind, tmp_path, mode):
    whole, found = set(ids(await read(behind))), []
    while set(found) != whole:
        async with subscriber(
            behind, mode=mode, position=tmp_path / "desk", page_items=2, auto_commit=False
        ) as releases:
            count = 0
            async for release in releases:
                found.append(str(release.alert_id))
                await releases.commit()
                count += 1
                if count == 3 or set(found) == whole:
                    break

    assert len(found) == len(whole)
    assert (tmp_path / "desk").stat().st_mode & 0o077 == 0


@pytest.mark.kafka
async def test_what_was_not_committed_comes_again(behind, tmp_path):
    position = tmp_path / "desk"

    async def some(fails, **more):
        found = []
        with pytest.raises(RuntimeError) if fails else contextlib.nullcontext():
            async with subscriber(
                behind, position=position, page_items=4, to_end=True, **more
            ) as releases:
                async for release in releases:
                    found.append(str(release.alert_id))
                    if fails and len(found) == 6:
                        raise RuntimeError
        return found

    first = await some(fails=True)
    rest = await some(fails=False)
    assert first[4:] == rest[:2]  # the portion under way was not taken
    assert set(first + rest) == set(ids(await read(behind)))
    assert await some(fails=False) == []


@pytest.mark.kafka
async def test_the_unit_opens_what_is_sealed_with_its_own_keys(behind):
    opener = client_protection(behind.settings).opener(FEED)
    closed = {str(r.alert_id): r for r in await read(behind)}
    opened = {str(r.alert_id): r for r in await read(behind, opener=opener)}

    for alert_id in behind.alerts:
        assert closed[alert_id].sealed
        assert closed[alert_id].compartments.mask == 0
        assert opened[alert_id].compartments.summary.headline == "SYNTHETIC: a longliner"


@pytest.mark.kafka
async def test_a_release_that_was_changed_on_its_way_is_counted_and_stops_nothing(behind):
    opener = client_protection(behind.settings).opener(FEED)
    whole = await behind.page(FEED)
    good, bad = whole["items"][0], whole["items"][1]
    async with subscriber(behind, opener=opener) as releases:
        for record in ("", "AAAA", bad["record"][:-8] + "AAAAAAA=", good["record"]):
            assert releases._readable({**bad, "record": record}) is None
        assert releases.unreadable == 4
        assert releases._readable(bad) is not None
        assert releases._readable({**bad, "unheard_of": 1}) is not None


@pytest.mark.kafka
async def test_a_recall_comes_and_what_it_recalls_comes_no_more(behind):
    alert_id = await behind.publish()
    await behind.shown(alert_id)
    async with subscriber(behind, from_start=True) as releases:
        (first,) = [r for r in await until(releases, {alert_id}) if str(r.alert_id) == alert_id]
        await behind.call("POST", f"/v1/alerts/{alert_id}/cancel", ORIGINATOR)
        async with asyncio.timeout(60):
            async for release in releases:
                if str(release.alert_id) == alert_id and release.kind is ReleaseKind.RECALL:
                    break
    assert (first.kind, release.label, release.revision) == (ReleaseKind.RELEASE, None, 2)
    again = [r.kind for r in await read(behind) if str(r.alert_id) == alert_id]
    assert again == [ReleaseKind.RECALL]


@pytest.mark.kafka
async def test_what_expires_on_the_way_comes_without_content(behind):
    opener = client_protection(behind.settings).opener(FEED)
    late = datetime(9998, 1, 1, tzinfo=UTC)

    found = [r for r in await read(behind, opener=opener, clock=lambda: late) if r.label]

    assert found
    assert all(release.compartments.mask == 0 for release in found)


@pytest.mark.kafka
async def test_summaries_first_and_the_whole_on_demand(behind):
    async with subscriber(behind, to_end=True) as releases:
        summaries = [each async for each in releases.summaries()]
        whole = await releases.whole(summaries[0].alert_id)
        assert await releases.whole(uuid.uuid4()) is None

    assert {str(each.alert_id) for each in summaries} >= set(behind.alerts)
    assert summaries[0].originator == ORIGINATOR
    assert whole.label.originator == ORIGINATOR


@pytest.mark.kafka
async def test_receipts_are_recorded(behind):
    async with subscriber(behind, to_end=True) as releases:
        found = [r async for r in releases if str(r.alert_id) in behind.alerts][:4]
        await releases.received(*found)
        await releases.acknowledge(found[0])
        await releases.acted_upon(found[1])
        await releases.refused(found[2], RefusalReason.NOT_OURS)
        other = found[3].model_copy(update={"alert_id": uuid.uuid4()})
        with pytest.raises(GatewayRefused, match="NOT_FOUND"):
            await releases.acknowledge(other)

    log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
    said = {(e.kind, str(e.alert_id)) for e in log.entries}
    assert {("RECEIVED", each) for each in ids(found)} <= said
    wanted = zip(("ACKNOWLEDGED", "ACTED_UPON", "REFUSED"), ids(found), strict=False)
    assert set(wanted) <= said


@pytest.mark.kafka
async def test_a_feed_of_others_and_one_that_is_none_are_refused_alike(behind):
    for feed in ("fiji-tcu-investigate", "there-is-none"):
        with pytest.raises(GatewayRefused, match="NOT_FOUND"):
            await read(behind, feed=feed)


@pytest.mark.kafka
async def test_without_a_gateway_reading_to_the_end_says_so_and_following_waits(behind):
    async with FaultyLink(behind.url) as link:
        link.is_down = True
        with pytest.raises(GatewayUnavailable):
            await read(behind, url=link.url, patience=Patience(1, 2))
        async with subscriber(behind, url=link.url, patience=Patience(1, 2)) as releases:
            following = asyncio.create_task(until(releases, set(behind.alerts)))
            await asyncio.sleep(3)
            assert not following.done()
            link.is_down = False
            assert set(ids(await following)) >= set(behind.alerts)


@pytest.mark.kafka
@pytest.mark.parametrize("mode", ["stream", "pages"])
async def test_cut_links_and_restarted_gateways_lose_nothing_and_keep_the_order(
    behind, tmp_path, mode
):
    async with FaultyLink(behind.url) as link:

        async def trouble():
            published = []
            for number in range(6):
                published.append(await behind.publish())
                await asyncio.sleep(0.5)
                link.cut()
                if number == 2:
                    await behind.close()
                    await asyncio.sleep(1)
                    await behind.open()
                    link.target = behind.url
            return published

        more = {"url": link.url, "position": tmp_path / "desk", "mode": mode}
        async with subscriber(behind, **more) as releases:
            going = asyncio.create_task(trouble())
            found = await until(releases, set(behind.alerts))
            published = await going
            if not set(published) <= set(ids(found)):
                found += await until(releases, set(published) - set(ids(found)))

    keys = [(r.alert_id, r.revision, r.kind) for r in found]
    assert len(keys) == len(set(keys))  # nothing failed on our side: nothing comes twice
    assert [each for each in ids(found) if each in published] == published


@pytest.mark.kafka
async def test_a_slow_link_reads_summaries_and_all(behind):
    async with FaultyLink(behind.url) as link:
        link.bytes_per_second = 8000
        more = {"url": link.url, "page_items": 3}
        found = await read(behind, **more)
        full = link.received
        async with subscriber(behind, to_end=True, **more) as releases:
            summaries = [each async for each in releases.summaries()]

    assert {str(each.alert_id) for each in summaries} == set(ids(found))
    assert link.received - full < full / 2


@pytest.mark.kafka
async def test_a_stream_that_nothing_comes_through_falls_back_to_pages(behind, monkeypatch):
    monkeypatch.setattr("broker.client.http.link._ANSWER_SECONDS", 1.0)

    class NoStream(FaultyLink):
        """Lets pages through; of a stream not even the head, as some proxies do."""

        async def _up(self, reader, writer):
            data = await reader.read(1 << 16)
            if b"/stream" in data.partition(b"\r\n")[0]:
                await asyncio.sleep(3600)
            writer.write(data)
            await super()._up(reader, writer)

    async with NoStream(behind.url) as link, subscriber(behind, url=link.url) as releases:
        assert set(ids(await until(releases, set(behind.alerts)))) >= set(behind.alerts)


@pytest.mark.kafka
async def test_a_cursor_that_counts_no_more_begins_anew_rather_than_missing_anything(
    behind, tmp_path
):
    position = tmp_path / "desk"
    position.write_text(json.dumps({"feed": FEED, "cursor": "x" * 40}))

    found = await read(behind, position=position)

    assert set(ids(found)) >= set(behind.alerts)
    assert await read(behind, position=position) == []


async def test_a_position_is_one_readers_and_one_feeds(tmp_path):
    position = tmp_path / "desk"
    credentials = Credentials()
    url = "http://127.0.0.1:1"
    async with HttpSubscriber(url, FEED, credentials, position=position):
        with pytest.raises(SettingsInvalid, match="another process"):
            async with HttpSubscriber(url, FEED, credentials, position=position):
                pass
    position.write_text(json.dumps({"feed": "another-feed", "cursor": "x"}))
    with pytest.raises(SettingsInvalid, match="another feed"):
        async with HttpSubscriber(url, FEED, credentials, position=position):
            pass
    position.write_text("{")
    with pytest.raises(SettingsInvalid, match="no position"):
        async with HttpSubscriber(url, FEED, credentials, position=position):
            pass


async def test_secrets_do_not_cross_a_network_in_the_clear():
    for url in ("http://gateway.example:8440", "ftp://127.0.0.1", "https://me:secret@127.0.0.1"):
        with pytest.raises(SettingsInvalid) as caught:
            HttpSubscriber(url, FEED, Credentials(api_key=SecretStr("a-secret")))
        assert "secret" not in str(caught.value)


@given(st.lists(st.integers(1, 30), max_size=20), st.lists(st.binary(min_size=1, max_size=20)))
def test_events_are_the_same_wherever_the_stream_was_cut(cuts, contents):
    events = [Event(f"c{n}", c.hex().encode()) for n, c in enumerate(contents)]
    stream = b": alive\n\n" + b"".join(
        f"id: {each.id}\nevent: release\ndata: ".encode() + each.data + b"\n\n: alive\n\n"
        for each in events
    )
    parser, found, start = EventParser(), [], 0
    for length in [*cuts, len(stream)]:
        found += parser.feed(stream[start : start + length])
        start += length

    assert found == events
