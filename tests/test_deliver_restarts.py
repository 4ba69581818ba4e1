"""Restarts of deliver: what is recorded is never delivered again, the rest under its key."""

import asyncio
import uuid

import pytest
from aiokafka.errors import KafkaError
from delivering import FEED, Partner, Region, added, alert_of, bundle_with, until

from broker.audit.log import read_entry
from broker.testing import alert_id_of
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

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
    def new_group(_topics, _feed):
        return f"lost-{uuid.uuid4()}"

    monkeypatch.setattr(Topics, "deliver_group", new_group)
    partner = Partner()
    for revision in (1, 2, 3):
        await region.route(alert_of(revision))
        async with region.delivering({FEED: partner}):
            await region.recorded(revision)

    assert partner.seen() == [(1, "RELEASE"), (2, "RELEASE"), (3, "RELEASE")]
    assert await region.ends() == [("DELIVERED", number, None) for number in (1, 2, 3)]


async def test_c40_an_entry_written_again_says_what_was_true_then(region, monkeypatch, tmp_path):
    # The group's offsets are gone, and another bundle is in force: the log still says by which
    # one the release was handed over, and when.
    await region.route(alert_of())
    partner = Partner()
    async with region.delivering({FEED: partner}):
        await region.recorded(1)
    (before,) = [e for e in (await region.audit()).of("DELIVERED") if e.feed == FEED]

    monkeypatch.setattr(Topics, "deliver_group", lambda *_: f"lost-{uuid.uuid4()}")
    other = bundle_with(tmp_path / "other", added("permit", "see_evidence"))
    assert other.bundle.digest != region.decider.bundle.digest
    async with region.delivering({FEED: partner}, decider=other):
        async with asyncio.timeout(60):
            while (await region.audit()).repeated == 0:  # noqa: ASYNC110 - it lies in Kafka
                await asyncio.sleep(0.2)

    read = read_to_end(region.connection, [region.topics.audit])
    entries = [read_entry(record.value) async for record in read]
    again = [e for e in entries if e.kind == "DELIVERED" and e.feed == FEED]
    assert len(again) == 2
    assert {(e.bundle_digest, e.at, e.compartments) for e in again} == {
        (before.bundle_digest, before.at, before.compartments)
    }
    assert len(partner.taken) == 1


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
