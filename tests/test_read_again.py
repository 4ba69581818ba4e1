"""C40 on a real Kafka: an alert that came to its end comes to no other when it is read again."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from region import PACIFIC, Region

from broker.audit.log import read_audit
from broker.clock import epoch_ms
from broker.pipeline.accept import Accept
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.testing import make_alert

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000


async def read_from_the_start(region, group, topics):
    """Let *group* begin anew, as one whose offsets were deleted does; return where it was."""
    consumer = AIOKafkaConsumer(
        **region.connection.options(), group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, n) for topic in topics for n in range(region.topics.partitions)
        ]
        consumer.assign(partitions)
        stood = {each: await consumer.committed(each) for each in partitions}
        await consumer.commit({each: 0 for each in partitions if stood[each]})
    finally:
        await consumer.stop()
    return {each: offset for each, offset in stood.items() if offset}


async def stop(region):
    for role in region._roles:
        role.stop()
    await asyncio.wait_for(asyncio.gather(*region._running), 60)


async def caught_up(region, group, wanted):
    consumer = AIOKafkaConsumer(
        **region.connection.options(), group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        async with asyncio.timeout(120):
            while any([((await consumer.committed(e)) or 0) < at for e, at in wanted.items()]):  # noqa: ASYNC110
                await asyncio.sleep(0.3)
    finally:
        await consumer.stop()


async def test_c40_what_was_decided_is_not_quarantined_as_expired_when_it_is_read_again(kafka):
    bundle = load_bundle(PACIFIC)
    async with Region(kafka, bundle) as region:
        soon = datetime.now(UTC) + timedelta(hours=1)
        alerts = [make_alert(expires_at=soon) for _ in range(3)]
        late = make_alert(expires_at=datetime.now(UTC) - timedelta(minutes=1))
        positions = [await region.publish(each) for each in (*alerts, late)]
        before = {e.source: (e.kind, e.reason) for e in await region.ends(*positions)}
        held = [await region.in_feeds(each, least=1) for each in alerts]
        await stop(region)
        intakes = sorted({topic for topic, _, _ in positions})
        groups = {
            region.topics.accept_group(): intakes,
            region.topics.route_group(): [region.topics.alerts],
        }
        stood = {each: await read_from_the_start(region, each, groups[each]) for each in groups}
        later = {"clock": lambda: epoch_ms() + 2 * HOUR_MS}
        region._roles = [
            Accept(region.connection, region.topics, region.units, **later),
            Router(region.connection, region.topics, Decider(bundle).plan, **later),
        ]
        region._running = [asyncio.create_task(role.run()) for role in region._roles]
        for group, wanted in stood.items():
            await caught_up(region, group, wanted)
        fresh = await region.publish(make_alert())  # whatever was read again is routed before it
        await region.ends(fresh)

        log = await read_audit(region.connection, region.topics)
        after = {}
        for entry in log.of("DECIDED", "DUPLICATE", "QUARANTINED"):
            after.setdefault(entry.source, set()).add((entry.kind, entry.reason))
        assert {each: after[each] for each in positions} == {
            each: {end} for each, end in before.items()
        }
        assert before[positions[-1]] == ("QUARANTINED", "EXPIRED_ON_ARRIVAL")
        assert [await region.in_feeds(each) for each in alerts] == held
