"""Whether a gateway lives and may be sent requests; and what is counted of requests."""

import asyncio

import pytest
from gatewaying import FEED, UNIT_OF_FEED, Behind, draft, settings_of
from scraping import Scrape

from broker.cluster.local import LocalKafka
from broker.gateway.projection import Projection
from broker.gateway.serve import Servings
from broker.gateway.shelf import Shelf
from broker.pipeline.holdings import Holdings

pytestmark = pytest.mark.kafka


async def _until(behind, path, wanted):
    async with asyncio.timeout(120):
        while True:
            status, _, body = await behind.call("GET", path)
            if (status, body) == wanted:
                return
            await asyncio.sleep(0.2)


async def test_a_gateway_is_ready_while_kafka_answers_and_alive_without_it(tmp_path):
    with LocalKafka(heap_mb=512) as cluster:
        settings = settings_of(cluster.bootstrap_servers, "", tmp_path)
        async with Behind(settings) as behind:
            await _until(behind, "/readyz", (200, {"status": "ready"}))
            cluster.nodes[0].kill()
            async with asyncio.timeout(120):
                while (await behind.call("GET", "/readyz"))[0] != 503:  # noqa: ASYNC110 - polled
                    await asyncio.sleep(0.2)
            _, _, body = await behind.call("GET", "/readyz")
            assert body["wanting"][0] == "KAFKA_UNAVAILABLE"  # ledger and feeds follow in time
            await _until(behind, "/healthz", (200, {"status": "alive"}))


async def test_a_gateway_without_its_keys_or_about_to_stop_is_not_ready(kafka, topics, tmp_path):
    settings = settings_of(kafka, topics.prefix, tmp_path, protection="required")
    async with Behind(settings) as behind:
        await _until(behind, "/readyz", (200, {"status": "ready"}))
        register = settings.key_folder() / "register.json"
        register.rename(register.with_suffix(".away"))
        await _until(behind, "/readyz", (503, {"status": "unready", "wanting": ["KEYS_MISSING"]}))
        register.with_suffix(".away").rename(register)
        await _until(behind, "/readyz", (200, {"status": "ready"}))


async def test_what_is_not_yet_read_is_told_by_its_code(kafka, topics, tmp_path, monkeypatch):
    async with Behind(settings_of(kafka, topics.prefix, tmp_path)) as behind:
        monkeypatch.setattr(Holdings, "is_ready", property(lambda _: False))
        monkeypatch.setattr(Projection, "is_ready", property(lambda _: False))
        status, _, body = await behind.call("GET", "/readyz")
        assert (status, body["wanting"]) == (503, ["LEDGER_BEHIND", "SHELF_BEHIND"])


async def test_requests_are_counted_by_route_template_and_class_of_status(kafka, topics, tmp_path):
    async with Behind(settings_of(kafka, topics.prefix, tmp_path)) as behind:
        before = Scrape()
        alert_id = await behind.publish()
        await behind.call("POST", "/v1/alerts", UNIT_OF_FEED, json=draft(tlp="PURPLE"))
        await behind.call("GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED)
        await behind.call("GET", f"/v1/feeds/{FEED}")
        await behind.call("GET", f"/never/{alert_id}", UNIT_OF_FEED)
        await behind.call("PROPFIND", "/v1/feeds")
        counted = Scrape() - before

    def requests(**labels):
        return counted("lali_http_requests_total", **labels)

    assert requests(route="/v1/alerts", method="POST", status="2xx") == 1
    assert requests(route="/v1/alerts", status="4xx") == 1
    assert requests(route="/v1/feeds/{feed}", method="GET", status="2xx") == 1
    assert requests(route="/v1/feeds/{feed}", status="4xx") == 1
    assert requests(route="unknown", status="4xx") >= 1
    assert requests(method="OTHER") == 1
    assert counted("lali_http_request_seconds_count", route="/v1/feeds/{feed}") == 2
    assert counted("lali_http_problems_total", code="UNAUTHENTICATED") == 1
    assert Scrape()("lali_http_requests_in_progress") == 0
    told = Scrape().label_values() - before.label_values()  # other tests of the process spoke too
    assert not {v for v in told if alert_id in v or "PROPFIND" in v or FEED in v} - {FEED}


async def test_a_gateway_that_is_cut_off_after_it_was_ready_is_ready_no_more(
    kafka, topics, tmp_path, monkeypatch
):
    async with Behind(settings_of(kafka, topics.prefix, tmp_path)) as behind:
        await _until(behind, "/readyz", (200, {"status": "ready"}))
        assert 0 <= Scrape()("lali_gateway_behind_seconds", what="ledger") < 30
        assert 0 <= Scrape()("lali_gateway_behind_seconds", what="feeds") < 30

        later = behind.doors.clock() + 60_000
        monkeypatch.setattr(Shelf, "horizon", lambda *_: (later - 100_000) * 1000)
        monkeypatch.setattr(Servings, "is_blind", property(lambda _: True))
        status, _, body = await behind.call("GET", "/readyz")
        assert (status, body["wanting"]) == (503, ["LEDGER_BEHIND", "SHELF_BEHIND"])
        assert Scrape()("lali_gateway_behind_seconds", what="feeds") > 30


async def test_a_feed_is_read_by_whoever_may_and_by_nobody_else(kafka, topics, tmp_path):
    async with Behind(settings_of(kafka, topics.prefix, tmp_path)) as behind:
        before = Scrape()("lali_feed_read_timestamp_seconds", feed=FEED)
        known = Scrape().by("lali_feed_read_timestamp_seconds", "feed").keys()
        await behind.call("GET", f"/v1/feeds/{FEED}", "fiji-immigration")
        await behind.call("GET", "/v1/feeds/SYNTHETIC", UNIT_OF_FEED)
        assert Scrape()("lali_feed_read_timestamp_seconds", feed=FEED) == before
        await behind.page()
        assert Scrape()("lali_feed_read_timestamp_seconds", feed=FEED) > before
        read = Scrape().by("lali_feed_read_timestamp_seconds", "feed").keys()
        assert read - known <= {FEED}


async def test_an_open_stream_is_one_request_in_progress(kafka, topics, tmp_path):
    async with Behind(settings_of(kafka, topics.prefix, tmp_path)) as behind:
        path = f"{behind.url}/v1/feeds/{FEED}/stream"
        async with behind.session.get(path, headers=behind.headers(UNIT_OF_FEED)) as answer:
            assert answer.status == 200
            assert Scrape()("lali_http_requests_in_progress") == 1
            answer.close()
        async with asyncio.timeout(60):
            while Scrape()("lali_http_requests_in_progress"):  # noqa: ASYNC110 - the server's side
                await asyncio.sleep(0.1)
