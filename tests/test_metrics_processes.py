"""Processes that are scraped: on TLS as their own principal, and started as operators do."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
from scraping import Scrape
from secured import provisioned

from broker.app import make_parts
from broker.errors import SettingsInvalid
from broker.observed import observed
from broker.pipeline.watch import Watch
from broker.settings import load_settings
from broker.wire.admin import apply_topics

pytestmark = pytest.mark.kafka

READERS = {"accept": "intake", "route": "alerts", "deliver": "feed"}
FEED = "fiji-tcu-investigate"


def test_each_role_may_ask_kafka_how_far_it_is_behind_with_no_more_rights_than_its_own(
    secure_kafka, tmp_path
):
    provisioned_parts = provisioned(secure_kafka, "metrics.")
    overlay = {FEED: {"type": "filedrop", "settings": {"folder": str(tmp_path)}}}
    settings = provisioned_parts.settings.model_copy(update={"metrics_port": _free_port()})
    began = time.time()
    asyncio.run(_watched(make_parts(settings, overlay), began))


async def _watched(parts, began):
    with observed(parts, list(READERS)) as watches:
        running = [asyncio.create_task(each.run()) for each in watches]
        async with asyncio.timeout(120):
            while any(  # noqa: ASYNC110 - Kafka is asked now and then
                Scrape()("lali_lag_asked_timestamp_seconds", role=role) < began for role in READERS
            ):
                await asyncio.sleep(0.2)
        for role, topic in READERS.items():
            assert Scrape()("lali_lag_records", role=role, topic=topic) == 0
        for each in watches:
            each.stop()
        await asyncio.wait_for(asyncio.gather(*running), 60)


async def test_a_role_that_an_operator_starts_is_scraped_on_its_port(connection, topics, tmp_path):
    parts = make_parts(load_settings(bootstrap_servers="127.0.0.1:1", topic_prefix=topics.prefix))
    units = parts.community.publishers()
    await apply_topics(connection, topics.specs(units, []))
    port = _free_port()
    with _process("accept", connection, topics, port, tmp_path):
        found = await asyncio.to_thread(_scraped, port)
        assert found("lali_role_up", role="accept") == 1
        assert found("lali_role_up", role="route") == 0
        assert found("lali_bundle_info", digest=parts.bundle.digest.hex()[:12]) == 1
        assert found("lali_build_info") == 1


async def test_a_port_that_is_taken_stops_the_command_with_one_line(connection, topics, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with _process("accept", connection, topics, port, tmp_path) as started:
            _, said = await asyncio.to_thread(started.communicate, timeout=120)
        assert started.returncode == 2
        (line,) = [line for line in said.splitlines() if line.startswith("lali: ")]
        assert line.startswith(f"lali: metrics_port: {port} cannot be used")


async def test_without_a_port_every_role_is_watched_all_the_same(connection, topics):
    parts = make_parts(load_settings(bootstrap_servers="127.0.0.1:1", topic_prefix=topics.prefix))
    with observed(parts, list(READERS)) as watches:
        assert sum(isinstance(each, Watch) for each in watches) == len(READERS)


def test_an_address_that_is_not_this_machines_is_refused():
    settings = load_settings(
        bootstrap_servers="127.0.0.1:1", metrics_port=9464, metrics_host="192.0.2.1"
    )
    with pytest.raises(SettingsInvalid, match="metrics_port"), observed(make_parts(settings), []):
        pass


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def _process(role, connection, topics, port, folder):
    environment = {
        **os.environ,
        "LALI_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "LALI_TOPIC_PREFIX": topics.prefix,
        "LALI_PARTITIONS": str(topics.partitions),
        "LALI_METRICS_PORT": str(port),
        "LALI_PROTECTION": "off",
    }
    started = subprocess.Popen(
        [sys.executable, "-m", "broker", "run", role],
        env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
            started.communicate(timeout=120)


def _scraped(port):
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                found = Scrape(answer.read().decode())
        except OSError:
            time.sleep(0.2)
            continue
        if found("lali_role_up"):
            return found
        time.sleep(0.2)
    raise AssertionError("the port never answered")
