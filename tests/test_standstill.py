"""B20: what stands still although something waits for it is told, in log, metric and readiness."""

import asyncio
import json
import socket
import urllib.error
import urllib.request

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from scraping import Scrape
from structlog.testing import capture_logs

from broker.app import RoleEnded, run_roles
from broker.metrics.exporter import exporting
from broker.metrics.standstill import show_standing, standing_codes
from broker.pipeline.standstill import Standstill
from broker.testing import make_alert
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import encode_alert
from broker.wire.lag import LagReader
from broker.wire.partition import Target
from broker.wire.producer import idempotent_producer

ONE, TWO = Target("intake.one", 0), Target("intake.two", 1)


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def still(now):
    yield Standstill("accept", clock=lambda: now[0])
    show_standing("accept", 0)


def events(said):
    return [(each["event"], each["topic"], each.get("code")) for each in said]


def test_b20_what_waits_for_a_minute_without_a_move_is_told_once(still, now):
    with capture_logs() as said:
        for second in range(0, 200, 15):
            now[0] = second
            still.see({ONE: 7, TWO: second})  # the other one moves

    assert events(said) == [("role.stands_still", "intake.one", "NO_PROGRESS")]
    assert said[0]["log_level"] == "error"
    assert Scrape()("lali_standing_still", role="accept") == 1
    assert standing_codes() == ("ACCEPT_STANDS_STILL",)


def test_b20_what_moves_again_or_has_nothing_left_is_told_and_counted_no_more(still, now):
    with capture_logs() as said:
        still.see({ONE: 7, TWO: 3})
        now[0] = 60
        still.see({ONE: 7, TWO: 3})
        still.see({ONE: 8})

    assert sorted(events(said)[2:]) == [
        ("role.moves_again", "intake.one", None),
        ("role.moves_again", "intake.two", None),
    ]
    assert standing_codes() == ()


def test_b20_a_quiet_partition_stands_still_for_nobody(still, now):
    with capture_logs() as said:
        for second in range(0, 600, 15):
            now[0] = second
            still.see({})
    assert said == []


def test_b20_a_group_without_a_coordinator_is_told(still, now):
    with capture_logs() as said:
        still.see({}, [ONE])
        now[0] = 61
        still.see({}, [ONE])
    assert events(said) == [("role.stands_still", "intake.one", "GROUP_UNAVAILABLE")]


def test_b20_the_port_for_metrics_tells_it_to_whoever_asks_whether_it_is_ready():
    port = _free_port()
    with exporting("127.0.0.1", port):
        assert _ready(port) == (200, {"status": "ready", "standing": []})
        show_standing("route", 2)
        try:
            answer = {"status": "unready", "standing": ["ROUTE_STANDS_STILL"]}
            assert _ready(port) == (503, answer)
        finally:
            show_standing("route", 0)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as scraped:
            assert b"lali_standing_still" in scraped.read()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


@pytest.mark.kafka
async def test_b20_kafka_says_where_a_group_stands_and_which_one_it_does_not_know(
    connection, topics, monkeypatch
):
    units = ["one", "two"]
    await apply_topics(connection, topics.specs(units, []))
    producer = idempotent_producer(connection)
    await producer.start()
    for unit in units:
        alert = make_alert(originator=unit)
        key = str(alert.label.alert_id).encode()
        await producer.send_and_wait(topics.intake(unit), encode_alert(alert), key, partition=0)
    await producer.stop()
    reader = LagReader(connection, {f"{u}-group": [topics.intake(u)] for u in units})
    asked = AIOKafkaAdminClient.list_consumer_group_offsets

    async def not_loaded(self, group, *rest):
        if group == "two-group":
            raise GroupCoordinatorNotAvailableError
        return await asked(self, group, *rest)

    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", not_loaded)
    try:
        async with asyncio.timeout(60):  # a cluster's first group has no coordinator at once
            while reader.waiting() != {Target(topics.intake("one"), 0): 0}:
                rows = await reader.read()
        assert {each.topic: each.records for each in rows}[topics.intake("one")] == 1
        assert {each.topic for each in reader.silent()} == {topics.intake("two")}
    finally:
        await reader.stop()


async def test_b20_a_process_whose_role_ends_by_itself_ends_with_an_error():
    class Ends:
        async def run(self):
            return

        def stop(self):
            return

    class Runs(Ends):
        def __init__(self):
            self.stopped = asyncio.Event()

        async def run(self):
            await self.stopped.wait()

        def stop(self):
            self.stopped.set()

    with pytest.raises(RoleEnded):
        await run_roles([Runs(), Ends()])
