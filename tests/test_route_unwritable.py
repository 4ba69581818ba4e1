"""B13, B19 on a real Kafka: a feed that cannot be written, and a ledger that takes long."""

import asyncio

import pytest
import pytest_asyncio
from region import PACIFIC, TCU, Region, again, feeds_of

from broker.audit.log import read_audit
from broker.pipeline import lane as lanes
from broker.pipeline.lane import Lane
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.testing import alert_id_of, make_alert
from broker.wire import producer as producers
from broker.wire.admin import admin, apply_topics
from broker.wire.partition import partition_of
from broker.wire.tail import read_to_end

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


class Unready(Region):
    """A region in which the topic of one feed is missing."""

    def __init__(self, servers, bundle):
        super().__init__(servers, bundle, partitions=1)
        router = Router(self.connection, self.topics, Decider(bundle).plan, pay_seconds=0.5)
        self._roles[1] = router
        self.router = router

    async def __aenter__(self):
        self.specs = self.topics.specs(self.units, self.feeds)
        there = [spec for spec in self.specs if spec.name != self.topics.feed(TCU)]
        await apply_topics(self.connection, there)
        await self.sender.start()
        self._running = [asyncio.create_task(role.run()) for role in self._roles]
        return self


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(kafka):
    async with Unready(kafka, load_bundle(PACIFIC)) as running:
        yield running


async def _entries(region, kind):
    log = await read_audit(region.connection, region.topics)
    return [entry for entry in log.entries if entry.kind == kind]


async def _until(ask):
    async with asyncio.timeout(120):
        while not (found := await ask()):  # noqa: ASYNC110 - it lies in Kafka
            await asyncio.sleep(0.3)
    return found


async def test_b13_a_feed_without_a_topic_is_set_aside_and_gets_what_still_stands(region):
    stands, updated, cancelled = make_alert(), make_alert(), make_alert()
    for alert in (stands, updated, cancelled):
        await region.end(alert)
    await region.end(again(updated, 2))
    entry = await region.end(again(cancelled, 2, message_type="CANCEL"))

    others = feeds_of(await region.in_feeds(stands, 5), 1)
    assert others
    assert TCU not in others
    assert TCU in entry.recalled
    (aside,) = await _entries(region, "FEED_SET_ASIDE")
    assert (aside.feed, aside.reason) == (TCU, "FEED_UNWRITABLE")

    await apply_topics(region.connection, region.specs)
    (resumed,) = await _until(lambda: _entries(region, "FEED_RESUMED"))
    await region.end(again(stands, 2))

    assert resumed.feed == TCU
    assert feeds_of(await region.in_feeds(stands, 2 * len(others) + 2), 1) == others | {TCU}
    assert feeds_of(await region.in_feeds(stands), 2) == others | {TCU}
    got = await region.in_feeds(cancelled, 2 * len(others) + 1)
    assert (TCU, 2, "RECALL") in got
    assert (TCU, 1, "RELEASE") not in got
    assert (TCU, 1, "RELEASE") not in await region.in_feeds(updated)
    fallen = await _entries(region, "NOT_DELIVERED")
    assert sorted((e.feed, e.stage, e.reason) for e in fallen) == [
        (TCU, "ROUTE", "RECALLED"), (TCU, "ROUTE", "SUPERSEDED")
    ]  # fmt: skip
    assert (await region.books()).holds


async def test_b13_a_topic_that_is_deleted_under_way_stops_nobody_and_a_restart_forgets_nothing(
    region, monkeypatch
):
    monkeypatch.setattr(producers, "TRANSACTION_TIMEOUT_MS", 4_000)
    await region.end(make_alert())
    async with admin(region.connection) as client:
        await client.delete_topics([region.topics.feed(TCU)])
    alert = make_alert()
    await region.end(alert)
    region.router.stop()
    await region._running[1]
    region.router = Router(
        region.connection, region.topics, Decider(region.bundle).plan, pay_seconds=0.5
    )
    region._roles[1] = region.router
    region._running[1] = asyncio.create_task(region.router.run())
    await region.end(again(alert, 2, message_type="CANCEL"))
    before = len(await _entries(region, "FEED_RESUMED"))

    await apply_topics(region.connection, region.specs)
    await _until(lambda: _resumed(region, before))

    assert await _kinds(region, alert) == [(2, "RECALL")]


async def _resumed(region, before):
    return len(await _entries(region, "FEED_RESUMED")) > before


async def _kinds(region, alert):
    found = await region.in_feeds(alert, 1)
    return [(revision, kind) for feed, revision, kind in found if feed == TCU]


async def test_b19_a_transaction_that_takes_too_long_is_halved_until_it_does_not(
    region, monkeypatch
):
    commit, tried = producers.TransactionalProducer.commit, []

    async def slow(self, outbox, source, next_offset, group):
        tried.append(next_offset)
        if len(tried) < 3:
            raise producers.TransactionFailed("TimeoutError", for_good=False)
        await commit(self, outbox, source, next_offset, group)

    region.router.stop()
    await region._running[1]
    positions = [await region.publish(make_alert()) for _ in range(8)]
    await asyncio.sleep(0)
    monkeypatch.setattr(producers.TransactionalProducer, "commit", slow)
    region._roles[1] = region.router = Router(
        region.connection, region.topics, Decider(region.bundle).plan
    )
    region._running[1] = asyncio.create_task(region.router.run())

    entries = await region.ends(*positions)

    assert [entry.kind for entry in entries] == ["DECIDED"] * 8
    steps = [after for after in tried if after is not None]
    assert steps[0] > steps[1] > steps[2] or len(set(steps)) > 1


async def test_b19_a_lane_whose_ledger_takes_long_holds_up_no_other(kafka, monkeypatch):
    opened, going_on = Lane.open, asyncio.Event()

    async def slow(self):
        if self._partition.partition == 0:
            await going_on.wait()
        await opened(self)

    monkeypatch.setattr(lanes.Lane, "open", slow)
    numbers = {partition_of(str(alert_id_of(n)).encode(), 2): n for n in range(9)}
    async with Region(kafka, load_bundle(PACIFIC)) as two:
        waits = await two.publish(make_alert(alert_id=alert_id_of(numbers[0])))
        flows = await two.publish(make_alert(alert_id=alert_id_of(numbers[1])))
        (entry,) = await two.ends(flows)
        assert entry.kind == "DECIDED"
        log = await read_audit(two.connection, two.topics)
        assert waits not in {each.source for each in log.entries}
        going_on.set()
        (entry,) = await two.ends(waits)
        assert entry.kind == "DECIDED"
        assert [r async for r in read_to_end(two.connection, [two.topics.owed])] == []
