"""Reading feeds page by page: all of it, in order, and never what may not be served now."""

import base64
import gzip
import random
import uuid
from datetime import UTC, datetime, timedelta

import aiohttp
import orjson
import pytest
import pytest_asyncio
from feed_reading import comes, identities, publish_draft, walked
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.gateway.cursor import Cursors

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        it.ids = [await it.publish() for _ in range(60)]
        for alert_id in it.ids:
            await it.shown(alert_id)
        yield it


# Pages


async def test_pages_of_any_size_hold_the_whole_feed_once_and_in_one_order(behind):
    whole = identities(await walked(behind, limit=500))
    assert {alert_id for alert_id, _, _ in whole} >= set(behind.ids)
    assert len(set(whole)) == len(whole)
    for limit in (1, 7, 59):
        assert identities(await walked(behind, limit)) == whole


async def test_every_item_has_a_cursor_behind_itself(behind):
    items = await walked(behind)
    for index in (0, 20, len(items) - 2):
        page = await behind.page(cursor=items[index]["cursor"], limit=500)
        assert identities(page["items"])[0] == identities(items)[index + 1]


async def test_a_cursor_goes_on_after_a_restart_of_the_gateway(behind):
    first = await behind.page(limit=25)
    before = await walked(behind, cursor=first["next"])
    await behind.close()
    await behind.open()
    assert await walked(behind, cursor=first["next"]) == before


async def test_since_begins_with_what_was_added_later(behind):
    moment = datetime.now(UTC)
    later = await behind.publish()
    await behind.shown(later)
    items = await walked(behind, since=(moment - timedelta(milliseconds=1)).isoformat())
    assert later in {each["alert_id"] for each in items}
    assert not set(behind.ids[:50]) & {each["alert_id"] for each in items}
    assert await walked(behind, since=(datetime.now(UTC) + timedelta(days=1)).isoformat()) == []


@pytest.mark.parametrize("since", ["0.5", "1795567890", "2026-11-25", "2026-11-25T10:00:00"])
async def test_a_moment_without_date_time_or_zone_is_refused(behind, since):
    status, _, said = await behind.call(
        "GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED, params={"since": since}
    )
    assert (status, said["errors"]) == (422, [{"path": "query.since", "code": "FIELD_INVALID"}])


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=x", "form=tiny", "country=ZZ", "country=fj", "urgency=now",
        "exploitation=" + "&exploitation=".join(["FORCED_LABOUR"] * 21), "cursor=" + "A" * 4097,
    ],
)  # fmt: skip
async def test_queries_that_mean_nothing_are_refused(behind, query):
    status, _, said = await behind.call("GET", f"/v1/feeds/{FEED}?{query}", UNIT_OF_FEED)
    assert status == 422
    assert said["errors"][0]["path"].startswith("query." + query.partition("=")[0])


async def test_two_beginnings_are_one_too_many(behind):
    page = await behind.page(limit=1)
    query = {"cursor": page["next"], "since": "2026-01-01T00:00:00Z"}
    status, _, said = await behind.call("GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED, params=query)
    assert (status, said["code"]) == (400, "TWO_BEGINNINGS")


# Cursors


async def test_no_change_of_a_cursor_is_taken(behind):
    cursor = (await behind.page(limit=9))["next"]
    signed = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    chance = random.Random(3)
    spoilt = [cursor[:-1], cursor + "A", cursor + "=", " " + cursor, cursor.swapcase(), ""]
    for _ in range(100):
        flipped = bytearray(signed)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        spoilt.append(base64.urlsafe_b64encode(flipped).decode().rstrip("="))
    for each in spoilt:
        status, _, said = await behind.call(
            "GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED, params={"cursor": each}
        )
        assert (status, said["code"]) == (400, "CURSOR_INVALID"), each


async def test_a_cursor_of_another_feed_or_gateway_is_as_a_random_one(behind):
    position = {0: 3, 1: 4}
    foreign = [
        behind.doors.cursors.sealed("tonga-tcu-investigate", position),
        Cursors(lambda: (b"another secret of thirty-two bytes",)).sealed(FEED, position),
        Cursors(behind.doors.secrets.counting, "another use").sealed(FEED, position),
        "AAAA",
    ]
    answers = []
    for cursor in foreign:
        for path in ("", "/stream"):
            status, _, said = await behind.call(
                "GET", f"/v1/feeds/{FEED}{path}", UNIT_OF_FEED, params={"cursor": cursor}
            )
            answers.append((status, str(said)))
    assert len(set(answers)) == 1
    assert answers[0][0] == 400


# Filters


async def test_filters_show_less_and_never_what_the_feed_has_not(behind):
    jobs = [
        draft(originator=ORIGINATOR, urgency="IMMEDIATE", exploitation=["SEXUAL_EXPLOITATION"],
              conveyance_kinds=["FLIGHT"], countries_origin=["TO"]),
        draft(originator=ORIGINATOR, urgency="EXPECTED"),
    ]  # fmt: skip
    sharp, plain = [await publish_draft(behind, each) for each in jobs]
    for alert_id in (sharp, plain):
        await behind.shown(alert_id)
    everything = set(identities(await walked(behind)))
    for query in (
        {"urgency": "IMMEDIATE"},
        {"exploitation": "SEXUAL_EXPLOITATION"},
        {"conveyance": "FLIGHT"},
        {"country": "TO"},
        {"urgency": "IMMEDIATE", "country": "TO"},
    ):
        found = identities(await walked(behind, **query))
        ids = {alert_id for alert_id, _, _ in found}
        assert sharp in ids, query
        assert plain not in ids, query
        assert set(found) <= everything
    both = [("urgency", "IMMEDIATE"), ("urgency", "EXPECTED"), ("limit", "500")]
    _, _, page = await behind.call("GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED, params=both)
    assert {sharp, plain} <= {each["alert_id"] for each in page["items"]}
    assert await walked(behind, urgency="IMMEDIATE", country="NZ") == []


async def test_what_a_label_leaves_open_passes_every_filter(behind):
    open_one = await publish_draft(
        behind, draft(originator=ORIGINATOR, exploitation=["UNKNOWN"], urgency="IMMEDIATE")
    )
    query = {"exploitation": "SEXUAL_EXPLOITATION", "urgency": "IMMEDIATE"}
    await comes(behind, open_one, 1, "RELEASE", **query)


async def test_a_recall_passes_every_filter(behind):
    alert_id = await behind.publish()
    await behind.shown(alert_id)
    await behind.call("POST", f"/v1/alerts/{alert_id}/cancel", ORIGINATOR)
    await comes(behind, alert_id, 2, "RECALL")
    found = await walked(behind, urgency="PAST", country="NZ", conveyance="FLIGHT")
    assert alert_id in {each["alert_id"] for each in found}


# Thin links


async def raw(behind, path, **headers):
    """Return an answer as it travels."""
    sent = {**behind.headers(UNIT_OF_FEED), **headers}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(behind.url + path, headers=sent) as answer,
    ):
        return answer.status, answer.headers, await answer.read()


async def test_a_page_travels_as_its_reader_takes_it(behind):
    path = f"/v1/feeds/{FEED}?limit=50"
    _, headers, plain = await raw(behind, path, **{"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in headers
    for accepted in ("gzip", "gzip, zstd;q=0", "gzip, zstd"):
        _, headers, body = await raw(behind, path, **{"Accept-Encoding": accepted})
        assert headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in headers["Vary"]
        assert gzip.decompress(body) == plain
        assert len(body) < len(plain) / 2


async def test_fifty_items_in_summary_are_a_few_kilobytes(behind):
    path = f"/v1/feeds/{FEED}?limit=50&form=summary"
    _, _, body = await raw(behind, path, **{"Accept-Encoding": "gzip"})
    page = orjson.loads(gzip.decompress(body))
    assert len(page["items"]) == 50
    assert len(body) < 6_000
    assert page["items"][0]["summary"] == "SYNTHETIC: a longliner"
    assert "record" not in page["items"][0]


async def test_an_unchanged_page_stays_away(behind):
    path = f"/v1/feeds/{FEED}?limit=10"
    _, headers, _ = await raw(behind, path)
    tag = headers["ETag"]
    for known in (tag, f'"other", {tag}', "*"):
        status, headers, body = await raw(behind, path, **{"If-None-Match": known})
        assert (status, body, headers["ETag"]) == (304, b"", tag)
    assert (await raw(behind, path, **{"If-None-Match": '"other"'}))[0] == 200
    assert (await raw(behind, f"/v1/feeds/{FEED}?limit=11", **{"If-None-Match": tag}))[0] == 200
