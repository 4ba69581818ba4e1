"""B15 on a real Kafka: an alert that route fails at itself holds up its own partition alone."""

import pytest
from delivering import Region, alert_of, producing, running, until
from structlog.testing import capture_logs

from broker.pipeline.accepted import intake_header
from broker.pipeline.router import Router
from broker.testing import alert_id_of
from broker.wire.alert_codec import encode_alert
from broker.wire.partition import partition_of
from broker.wire.tail import read_to_end

pytestmark = pytest.mark.kafka


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


class UnknownTrouble(Exception):
    """Nobody has thought of it."""


class Rules:
    """Decides as the bundle does, but fails so at alerts of one urgency, while it fails."""

    def __init__(self, decider, fault):
        self.decider = decider
        self.fault = fault
        self.failed = 0

    def plan(self, view, facts):
        if self.fault is not None and view["urgency"] == "PAST":
            self.failed += 1
            raise self.fault
        return self.decider.plan(view, facts)


def in_partition(number, count, partitions):
    """Return *count* ids of alerts that go to partition *number*."""
    ids = (alert_id_of(n) for n in range(1, 1000))
    return [each for each in ids if partition_of(str(each).encode(), partitions) == number][:count]


async def publish(region, alerts):
    async with producing(region.connection) as producer:
        for offset, alert in enumerate(alerts):
            key = str(alert.label.alert_id).encode()
            where = partition_of(key, region.topics.partitions)
            await producer.send_and_wait(
                region.topics.alerts, encode_alert(alert), key=key, partition=where,
                headers=[intake_header(where, offset)],
            )  # fmt: skip


@pytest.mark.parametrize("fault", [KeyError("forgotten"), MemoryError(), UnknownTrouble()])
async def test_b15_route_waits_with_one_lane_and_goes_on_where_it_stood(region, fault):
    partitions = region.topics.partitions
    first, struck, behind = in_partition(0, 3, partitions)
    beside = in_partition(1, 2, partitions)
    alerts = [alert_of(alert_id=first), alert_of(alert_id=struck, urgency="PAST"),
              alert_of(alert_id=behind), *(alert_of(alert_id=each) for each in beside)]  # fmt: skip
    await publish(region, alerts)
    rules = Rules(region.decider, fault)
    router = Router(region.connection, region.topics, rules.plan)
    with capture_logs() as said:
        async with running(router):
            await until(lambda: router.routed == 3 and rules.failed >= 3)
            assert router.counts()["refused"] == 0
            rules.fault = None
            await until(lambda: router.routed == 5)

    events = [each["event"] for each in said]
    assert events.count("record.waits") == 1
    assert events.count("record.waits_no_more") == 1
    assert "route.restarted" not in events
    log = await region.audit()
    decided = [entry.alert_id for entry in log.of("DECIDED")]
    assert sorted(decided) == sorted(each.label.alert_id for each in alerts)
    assert [each for each in decided if each in (first, struck, behind)] == [first, struck, behind]
    quarantined = [r async for r in read_to_end(region.connection, [region.topics.quarantine])]
    assert quarantined == []
