"""Restarts of deliver: what is recorded is never delivered again, the rest under its key."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from delivering import FEED, Partner, Region, alert_of, until

from broker.testing import alert_id_of

pytestmark = pytest.mark.kafka


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


async def test_a_restart_redelivers_nothing(region):
    await region.route(alert_of(), alert_of(alert_id=alert_id_of(2)))
    first, second = Partner(), Partner()
    async with region.delivering({FEED: first}) as role:
        await until(lambda: role.status()[FEED].delivered == 2)
        await region.recorded(2)
    await region.route(alert_of(2))

    async with region.delivering({FEED: second}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert second.seen() == [(2, "RELEASE")]


async def test_what_is_recorded_is_not_delivered_again_though_no_offset_was_committed(
    region, monkeypatch
):
    await region.route(alert_of())
    partner = Partner()
    commit = AIOKafkaConsumer.commit
    failing = True

    async def fail(self, offsets=None):
        if failing and next(iter(offsets)).topic == region.topics.feed(FEED):
            raise KafkaError("SYNTHETIC")
        await commit(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", fail)
    async with region.delivering({FEED: partner}):
        await region.recorded(1)
    await region.route(alert_of(2))
    async with region.delivering({FEED: partner}):
        await region.recorded(2)
    failing = False
    before = await region.ends()
    async with region.delivering({FEED: partner}):
        await region.route(alert_of(3))
        await region.recorded(3)

    assert partner.seen() == [(1, "RELEASE"), (2, "RELEASE"), (3, "RELEASE")]
    assert before == [("DELIVERED", 1, None), ("DELIVERED", 2, None)]
    assert await region.ends() == [*before, ("DELIVERED", 3, None)]


async def test_before_it_is_recorded_a_delivery_repeats_under_the_same_key(region, monkeypatch):
    from broker.pipeline.delivery_writer import DeliveryWriter

    await region.route(alert_of())
    partner = Partner()
    flush = DeliveryWriter.flush
    failing = True

    async def fail(self):
        nonlocal failing
        if failing and self._pending:
            failing = False
            raise KafkaError("SYNTHETIC")
        await flush(self)

    monkeypatch.setattr(DeliveryWriter, "flush", fail)
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert len(partner.keys) == 2
    assert len(set(partner.keys)) == 1
    assert await region.ends() == [("DELIVERED", 1, None)]
    assert (await region.audit()).repeated == 0


async def test_an_end_whose_entry_a_crash_took_is_written_from_its_mark(region, monkeypatch):
    from broker.pipeline.delivery_writer import DeliveryWriter

    await region.route(alert_of())
    partner = Partner()
    flush = DeliveryWriter.flush
    torn = False

    async def tear(self):
        nonlocal torn
        if not torn and self._pending:
            torn = True
            marks = [await self._send_mark(*pending) for pending in self._pending.values()]
            await asyncio.gather(*marks)
            raise KafkaError("SYNTHETIC")
        await flush(self)

    monkeypatch.setattr(DeliveryWriter, "flush", tear)
    async with region.delivering({FEED: partner}):
        await region.recorded(1)

    assert torn
    assert partner.seen() == [(1, "RELEASE")]
    assert await region.ends() == [("DELIVERED", 1, None)]
