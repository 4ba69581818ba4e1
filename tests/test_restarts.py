"""Between the runs of a role: waits that grow, one line while the cluster is away, a prompt end."""

import asyncio
import json
import os
import time

import pytest
import structlog
from aiokafka.errors import KafkaConnectionError

from broker.cluster.local import LocalKafka
from broker.pipeline.restarts import Restarts
from broker.trial.roles import RoleProcess
from broker.wire.admin import apply_topics
from broker.wire.connection import Connection
from broker.wire.producer import TransactionFailed

NOWHERE = "127.0.0.1:9"
_PATIENCE_SECONDS = 60


class Waits:
    """Takes the place of time: notes how long each wait is, and ends it at once."""

    def __init__(self, monkeypatch):
        self.seconds = []
        monkeypatch.setattr(asyncio, "timeout", self._timeout)
        self._real = asyncio.timeout

    def _timeout(self, seconds):
        self.seconds.append(seconds)
        return asyncio.timeouts.timeout(0)


async def test_waits_double_up_to_the_longest(monkeypatch):
    restarts, waits = Restarts("accept", asyncio.Event(), 1, 10), Waits(monkeypatch)
    for _ in range(6):
        await restarts.wait(ValueError(), worked=False)
    assert waits.seconds == [1, 2, 4, 8, 10, 10]


async def test_waits_begin_anew_once_something_was_done(monkeypatch):
    restarts, waits = Restarts("accept", asyncio.Event(), 1, 10), Waits(monkeypatch)
    for worked in (False, False, False, True, False):
        await restarts.wait(ValueError(), worked=worked)
    assert waits.seconds == [1, 2, 4, 1, 2]


async def test_a_cluster_that_is_away_is_said_once_and_again_after_it_was_there(monkeypatch):
    restarts, _ = Restarts("route", asyncio.Event()), Waits(monkeypatch)
    with structlog.testing.capture_logs() as said:
        for _ in range(3):
            await restarts.wait(KafkaConnectionError(), worked=False)
        restarts.reached()
        restarts.reached()
        await restarts.wait(KafkaConnectionError(), worked=False)
    assert [each["event"] for each in said] == ["kafka.awaited", "kafka.reached", "kafka.awaited"]


async def test_another_fault_is_said_each_time_with_its_code_and_no_value(monkeypatch):
    restarts, _ = Restarts("route", asyncio.Event()), Waits(monkeypatch)
    faults = [ValueError("SYNTHETIC"), TransactionFailed("SUPERSEDED", for_good=False)]
    with structlog.testing.capture_logs() as said:
        for fault in faults * 2:
            await restarts.wait(fault, worked=False)
    assert [(each["event"], each["code"], each["log_level"]) for each in said] == [
        ("route.restarted", "ValueError", "error"),
        ("route.restarted", "SUPERSEDED", "warning"),
    ] * 2


async def test_who_is_asked_to_end_waits_no_longer():
    stopping = asyncio.Event()
    restarts = Restarts("accept", stopping, 3600)
    waiting = asyncio.create_task(restarts.wait(ValueError(), worked=False))
    await asyncio.sleep(0)
    stopping.set()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await waiting


def _role(role, servers, folder, topics):
    environment = {
        "LALI_BOOTSTRAP_SERVERS": servers,
        "LALI_TOPIC_PREFIX": topics.prefix,
        "LALI_PARTITIONS": str(topics.partitions),
        "LALI_SETTINGS": os.devnull,
    }
    return RoleProcess(role, environment, folder / f"{role}.log")


def _wait_for(process, event):
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not process.events(event):
        assert time.monotonic() < deadline, f"{event} does not come"
        time.sleep(0.05)


@pytest.mark.parametrize("role", ["accept", "route", "deliver"])
def test_without_a_kafka_a_role_waits_in_one_line_and_ends_when_asked(role, tmp_path, topics):
    process = _role(role, NOWHERE, tmp_path, topics)
    _wait_for(process, "kafka.awaited")
    time.sleep(4)  # three further attempts
    process.stop()

    (line,) = (tmp_path / f"{role}.log").read_text().splitlines()
    assert json.loads(line)["code"] == "UNREACHABLE"


@pytest.mark.kafka
def test_a_role_that_was_there_first_works_once_the_cluster_has_started(tmp_path, topics):
    cluster = LocalKafka(tmp_path / "kafka")
    with cluster:
        servers = cluster.bootstrap_servers
        asyncio.run(apply_topics(Connection(servers), topics.specs([], [])))
    process = _role("route", servers, tmp_path, topics)
    _wait_for(process, "kafka.awaited")
    with cluster:
        assert cluster.bootstrap_servers == servers
        _wait_for(process, "kafka.reached")
        _wait_for(process, "partition.opened")
        process.stop()
