"""HttpSubscriber on a real gateway: all of a feed comes, once, as it was sealed, by either way."""

import asyncio
import contextlib
import json
import uuid
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR
from http_subscribing import gateway_with_alerts, ids, read, subscriber, until

from broker.audit.log import read_audit
from broker.errors import GatewayRefused
from broker.keys import client_protection
from broker.model.exchange import RefusalReason
from broker.model.release import ReleaseKind

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    async with gateway_with_alerts(kafka, tmp_path_factory.mktemp("gateway")) as it:
        yield it


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
@pytest.mark.parametrize("mode", ["stream", "pages"])
@pytest.mark.parametrize("auto_commit", [True, False])
async def test_c30_on_a_quiet_feed_a_first_position_is_kept_at_once(
    behind, tmp_path, mode, auto_commit
):
    """C30: what comes between two runs is read by the second, recalls too."""
    position = tmp_path / "desk"
    how = {"mode": mode, "from_start": False, "position": position}
    await asyncio.sleep(3)  # the gateway tells "now" in whole seconds, and up to one late
    async with subscriber(behind, auto_commit=auto_commit, **how) as releases:
        waiting = asyncio.create_task(anext(aiter(releases)))
        async with asyncio.timeout(60):
            while not position.exists():  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    between = await behind.publish()
    await behind.shown(between)
    async with subscriber(behind, to_end=True, **how) as releases:
        found = [str(release.alert_id) async for release in releases]
    assert found == [between]


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
async def test_a_cursor_that_counts_no_more_begins_anew_rather_than_missing_anything(
    behind, tmp_path
):
    position = tmp_path / "desk"
    position.write_text(json.dumps({"feed": FEED, "cursor": "x" * 40}))

    found = await read(behind, position=position)

    assert set(ids(found)) >= set(behind.alerts)
    assert await read(behind, position=position) == []
