"""HttpSubscriber on links that break, crawl or hold streams back loses nothing and keeps order."""

import asyncio

import pytest
import pytest_asyncio
from faulty_link import FaultyLink
from http_subscribing import gateway_with_alerts, ids, read, subscriber, until

from broker.client.http import Patience
from broker.errors import GatewayUnavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    async with gateway_with_alerts(kafka, tmp_path_factory.mktemp("gateway")) as it:
        yield it


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
