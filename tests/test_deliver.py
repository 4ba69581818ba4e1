"""Deliver on a real Kafka: in order, at least once, nothing lost, nobody delayed by another."""

import asyncio

import pytest
from delivering import ALERT, FEED, OTHER, Partner, Region, alert_of, cancel_of, until

from broker.errors import RecipientUnavailable
from broker.pipeline.breaker import Patience
from broker.testing import alert_id_of

pytestmark = pytest.mark.kafka

AWAY = RecipientUnavailable("HTTP_503")


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


async def test_an_unavailable_recipient_holds_its_feed_back_and_order_stays(region):
    first, second = alert_of(), alert_of(alert_id=alert_id_of(2))
    partner = Partner(AWAY, AWAY, AWAY, AWAY)
    await region.route(first, second)

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 2)

    assert partner.attempts == 6
    assert {view.alert_id for view in partner.taken} == {ALERT, alert_id_of(2)}
    entries = [e for e in (await region.audit()).of("DELIVERED") if e.feed == FEED]
    assert sum(e.attempts for e in entries) == 6
    assert {e.reference for e in entries} == {"TAKEN"}


async def test_revisions_arrive_in_order_though_each_fails_first(region):
    partner = Partner()
    await region.route(alert_of())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
        for revision in (2, 3):
            partner.says = [AWAY, AWAY]
            await region.route(alert_of(revision))
            await until(lambda wanted=revision: role.status()[FEED].delivered == wanted)
        partner.says = [AWAY]
        await region.route(cancel_of(4))
        await until(lambda: role.status()[FEED].delivered == 4)

    assert partner.seen() == [(1, "RELEASE"), (2, "RELEASE"), (3, "RELEASE"), (4, "RECALL")]


async def test_after_failures_in_a_row_the_breaker_leaves_the_recipient_alone(region):
    partner = Partner(always=AWAY)
    calm = Patience(first_seconds=0.01, longest_seconds=0.02, failures_to_open=3, open_seconds=3600)
    await region.route(alert_of())

    async with region.delivering({FEED: partner}, patience=calm) as role:
        await until(lambda: role.status()[FEED].state == "open")
        await asyncio.sleep(0.3)

    assert partner.attempts == 3
    assert role.status()[FEED].oldest_waiting_ms is not None
    assert await region.ends() == []


async def test_the_wait_that_the_recipient_asked_for_is_kept(region):
    partner = Partner(RecipientUnavailable("HTTP_429", 3600.0))
    await region.route(alert_of())

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].state == "waiting")
        await asyncio.sleep(0.3)

    assert partner.attempts == 1


async def test_a_dead_partner_delays_its_own_feed_only(region):
    dead, well = Partner(always=AWAY), Partner()
    await region.route(*(alert_of(alert_id=alert_id_of(n)) for n in range(1, 6)))

    async with region.delivering({FEED: dead, OTHER: well}) as role:
        await until(lambda: role.status()[OTHER].delivered == 5)

    assert dead.taken == []
    assert len(well.taken) == 5
    assert await region.ends() == []


async def test_a_connector_that_cannot_open_is_tried_again(region):
    partner = Partner()
    faults = [OSError(13, "SYNTHETIC"), None]

    async def open_late() -> None:
        fault = faults.pop(0)
        if fault:
            raise fault

    partner.open = open_late
    await region.route(alert_of())

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert faults == []


async def test_an_unforeseen_fault_is_tried_again_and_loses_nothing(region):
    partner = Partner(ZeroDivisionError("SYNTHETIC"), KeyError("SYNTHETIC"))
    await region.route(alert_of())

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert partner.attempts == 3
