"""C26 on a real Kafka: clocks that are wrong lose nothing and destroy nothing, and are named."""

import asyncio
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from delivering import Partner
from region import PACIFIC, Region

from broker.app import make_parts
from broker.audit.log import read_audit
from broker.clock import epoch_ms
from broker.errors import ClockWrong, KafkaRefused
from broker.pipeline.accept import Accept
from broker.pipeline.deliver import Deliver
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.settings import Settings
from broker.testing import make_alert
from broker.wire.cluster_clock import ClusterClock
from broker.wire.sender import Sender

pytestmark = pytest.mark.kafka
HOUR, DAY = 3_600_000, 86_400_000


def _alert():
    """Return an alert that lives for half an hour, from now."""
    now = datetime.fromtimestamp(epoch_ms() // 1000, UTC)
    return make_alert(originated_at=now, expires_at=now + timedelta(minutes=30))


class Clock:
    """The clock of one machine, which can be set wrong."""

    def __init__(self):
        self.off_ms = 0

    def __call__(self):
        return epoch_ms() + self.off_ms


@asynccontextmanager
async def running(*roles):
    tasks = [asyncio.create_task(role.run()) for role in roles]
    try:
        yield
    finally:
        for role in roles:
            role.stop()
        await asyncio.wait(tasks, timeout=60)


async def eventually(true):
    async with asyncio.timeout(120):
        while not (await true()):  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("off_ms", [HOUR, DAY, -DAY], ids=["hour-ahead", "day-ahead", "day-behind"])
async def test_c26_a_role_with_a_wrong_clock_waits_and_goes_on_once_it_is_set(kafka, off_ms):
    """C26: neither EXPIRED_ON_ARRIVAL, nor withheld, nor handed over: it waits."""
    bundle = load_bundle(PACIFIC)
    region = Region(kafka, bundle)
    region._roles = []
    ours, partner = Clock(), Partner()
    async with region:
        clock = ClusterClock(region.connection, region.topics, 120, ours)
        checked = {"clock": ours, "confirm": clock.confirm}
        decider = Decider(bundle)
        roles = [
            Accept(region.connection, region.topics, region.units, **checked),
            Router(region.connection, region.topics, decider.plan, **checked),
            Deliver(
                region.connection, region.topics, decider, {"ptccc-coordinate": partner}, **checked
            ),
        ]
        ours.off_ms = off_ms
        async with running(*roles):
            await region.publish(_alert())

            async def waits():
                fault = clock.fault()
                return fault is not None and fault.code == "CLOCKS_DIFFER"

            await eventually(waits)
            for _ in range(20):
                assert not partner.taken
                await asyncio.sleep(0.1)
            log = await read_audit(region.connection, region.topics)
            assert not log.entries

            ours.off_ms = 0

            async def delivered():
                return bool(partner.taken)

            await eventually(delivered)
        assert not await region.quarantined()


async def test_c26_brokers_date_what_others_write_and_existing_topics_are_compared(kafka):
    """C26: 31 days behind is deleted within a minute, 13 hours ahead is refused: not any more."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    settings = Settings(
        bootstrap_servers=kafka, topic_prefix=prefix, partitions=1, bundle=PACIFIC, protection="off"
    )
    parts = make_parts(settings)
    old = parts.topics.intake("fiji-police")
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    config = {**next(s for s in parts.specs() if s.name == old).config, "retention.ms": "86400000"}
    config["message.timestamp.type"] = "CreateTime"
    await client.create_topics([NewTopic(old, 1, 1, topic_configs=config)])
    await client.close()
    await parts.apply_topics()

    found = await parts.topic_differences()
    assert [(d.topic, d.setting, d.found, d.wanted) for d in found] == [
        (old, "message.timestamp.type", "CreateTime", "LogAppendTime"),
        (old, "retention.ms", "86400000", str(14 * DAY)),
    ]
    sender = Sender(parts.connection("accept"))
    await sender.start()
    try:
        ahead = sender._producer.send

        async def send_ahead(topic, **more):
            return await ahead(topic, **more, timestamp_ms=epoch_ms() + 13 * HOUR)

        sender._producer.send = send_ahead
        with pytest.raises(KafkaRefused, match="CLOCK_REFUSED"):
            await sender.send(old, b"k", b"v")
        assert await parts.mend_topics() == found
        assert await parts.topic_differences() == []

        await sender.send(old, b"k", b"v")
    finally:
        await sender.stop()
    late = AIOKafkaProducer(bootstrap_servers=kafka)
    await late.start()
    sent = await late.send_and_wait(old, b"v", timestamp_ms=epoch_ms() - 31 * DAY)
    await late.stop()
    assert sent.timestamp_type == 1
    assert abs(sent.timestamp - epoch_ms()) < HOUR


async def test_c26_the_cluster_is_asked_through_a_real_topic(kafka):
    settings = Settings(
        bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=1,
        bundle=PACIFIC, protection="off",
    )  # fmt: skip
    parts = make_parts(settings)
    await parts.apply_topics()

    await parts.preconditions("accept").confirm()
    ours = Clock()
    ours.off_ms = 15 * DAY
    wrong = ClusterClock(parts.connection("gateway"), parts.topics, 120, ours)
    with pytest.raises(ClockWrong, match="ahead of broker"):
        await wrong.confirm()
