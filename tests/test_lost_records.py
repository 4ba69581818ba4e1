"""C25 on a real Kafka: what retention deleted unread is seen, logged and audited, once."""

import asyncio

import pytest
from aiokafka.admin import RecordsToDelete
from delivering import FEED, Partner
from delivering import Region as Delivering
from region import PACIFIC, Region

from broker.audit.log import read_audit
from broker.pipeline.accept import Accept
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.testing import alert_id_of, make_alert
from broker.wire.admin import admin
from broker.wire.partition import Target, partition_of

pytestmark = pytest.mark.kafka


async def _delete(connection, topic, partition, before):
    async with admin(connection) as client:
        until = RecordsToDelete(before_offset=before)
        await client.delete_records({Target(topic, partition): until})


async def _gaps(region, least=1):
    async with asyncio.timeout(120):
        while True:
            log = await read_audit(region.connection, region.topics)
            found = [entry for entry in log.entries if entry.kind == "GAP"]
            if len(found) >= least:
                return found
            await asyncio.sleep(0.3)


async def test_c25_accept_and_route_say_what_they_never_saw(kafka):
    async with Region(kafka, load_bundle(PACIFIC), partitions=1) as region:
        await region.end(make_alert())
        for role in region._roles:
            role.stop()
        await asyncio.gather(*region._running)
        intake, alerts = region.topics.intake("fiji-immigration"), region.topics.alerts
        gone = [await region.publish(make_alert()) for _ in range(3)]
        await _delete(region.connection, intake, 0, gone[-1][2])
        for _ in range(2):
            unread = await region.sender.send(alerts, b"k", b"unread")
        await _delete(region.connection, alerts, 0, unread.offset)
        roles = [
            Accept(region.connection, region.topics, region.units),
            Router(region.connection, region.topics, Decider(region.bundle).plan),
        ]
        tasks = [asyncio.create_task(role.run()) for role in roles]
        found = await _gaps(region, 2)
        (last,) = await region.ends(gone[-1])
        for role in roles:
            role.stop()
        await asyncio.gather(*tasks)

    assert last.kind == "DECIDED"
    assert {(each.stage, each.source[0], each.source[2]) for each in found} == {
        ("ACCEPT", intake, gone[0][2]), ("ROUTE", alerts, 1)
    }  # fmt: skip
    assert {each.reason for each in found} == {"RECORDS_LOST"}


async def test_c25_deliver_says_what_a_feed_lost(connection, topics):
    region = Delivering(connection, topics)
    await region.prepare()
    first = alert_id_of(1)
    number = partition_of(str(first).encode(), topics.partitions)
    await region.route(make_alert(alert_id=first))
    async with region.delivering({FEED: Partner()}):
        await region.recorded(1)
    more = [alert_id_of(n) for n in range(4, 40)]
    same = [each for each in more if partition_of(str(each).encode(), topics.partitions) == number]
    await region.route(*(make_alert(alert_id=each) for each in same[:3]))
    await _delete(connection, topics.feed(FEED), number, 3)
    partner = Partner()
    async with region.delivering({FEED: partner}):
        (gap,) = await _gaps(region)
    assert (gap.stage, gap.feed, gap.source[1]) == ("DELIVER", FEED, number)
