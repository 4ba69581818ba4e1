"""Roles with the key service on a real Kafka: they hold no private key, and wait for it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from sealed import scratch

from broker.app import Parts, make_parts, make_role
from broker.client import Publisher
from broker.pipeline.seal import OriginatorSeal
from broker.policy.bundle import load_bundle
from broker.protect.development import init_development
from broker.protect.keeper import FileKeeper
from broker.protect.key_folder import KeyFolder
from broker.resources import shipped
from broker.settings import load_settings
from broker.testing import alert_id_of, make_alert
from broker.wire.tail import read_to_end

pytestmark = pytest.mark.kafka

UNIT, FEED = "fiji-immigration", "samoa-tcu-investigate"


class Deployment:
    """A hub whose private keys lie in a folder of the key service alone."""

    def __init__(self, kafka: str, topics) -> None:
        self.folder = scratch()
        self.service_folder, self.socket = self.folder / "service", self.folder / "keys.sock"
        self._make_keys()
        (self.folder / "out").mkdir()
        settings = load_settings(
            bootstrap_servers=kafka,
            topic_prefix=topics.prefix,
            partitions=1,
            keys=self.folder / "keys",
            keeper_socket=self.socket,
            protection="required",
        )
        filed = {"type": "filedrop", "settings": {"folder": str(self.folder / "out")}}
        self.parts: Parts = make_parts(settings, {FEED: filed})

    def _make_keys(self) -> None:
        bundle = load_bundle(shipped("policies") / "pacific")
        community = bundle.community
        folder = KeyFolder(self.folder / "keys")
        init_development(folder, community.units, community.feeds, bundle.digest, [FEED])
        self.service_folder.mkdir(mode=0o700)
        (self.folder / "keys" / "private").rename(self.service_folder / "private")

    @contextmanager
    def service(self):
        run = subprocess.Popen(
            [sys.executable, "-m", "broker", "keys", "serve", "--socket", str(self.socket)],
            env=os.environ | {"LALI_KEYS": str(self.service_folder)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stderr is not None
        try:
            assert "keys.served" in run.stderr.readline()
            yield
        finally:
            run.send_signal(signal.SIGTERM)
            run.communicate(timeout=30)

    async def publish(self, number: int, seal: OriginatorSeal) -> None:
        parts = self.parts
        alert = make_alert(alert_id=alert_id_of(number), mark="CANARY", urgency="IMMEDIATE")
        connection = parts.connection("test")
        async with Publisher(connection, UNIT, topics=parts.topics, seal=seal) as publisher:
            await publisher.publish(alert)

    def by_the_service(self) -> OriginatorSeal:
        assert self.parts.protection is not None
        return self.parts.protection.originator(UNIT)

    def by_the_unit_itself(self) -> OriginatorSeal:
        """A unit elsewhere has its own keys, and knows nothing of this service."""
        register = KeyFolder(self.folder / "keys").register
        return OriginatorSeal(UNIT, register, FileKeeper(self.service_folder / "private"))

    def delivered(self) -> list[Path]:
        return sorted((self.folder / "out").glob("*.json"))

    async def count(self, topic: str) -> int:
        return len([None async for _ in read_to_end(self.parts.connection("test"), [topic])])


@pytest.fixture
async def hub(kafka, topics):
    made = Deployment(kafka, topics)
    await made.parts.apply_topics()
    return made


@pytest.fixture
async def roles(hub):
    running_roles = [make_role(hub.parts, name) for name in ("accept", "route", "deliver")]
    running = [asyncio.create_task(role.run()) for role in running_roles]
    yield
    for role in running_roles:
        role.stop()
    await asyncio.wait(running, timeout=30)


@pytest.mark.usefixtures("roles")
async def test_an_alert_is_signed_sealed_opened_and_delivered_without_a_private_key_here(hub):
    with hub.service():
        await hub.publish(1, hub.by_the_service())
        await _until(lambda: len(hub.delivered()) == 1)

    view = json.loads(hub.delivered()[0].read_text())
    assert "CANARY" in json.dumps(view["compartments"])
    assert not (hub.folder / "keys" / "private").exists()


@pytest.mark.usefixtures("roles")
async def test_while_the_key_service_is_away_alerts_wait_and_none_is_quarantined(hub):
    topics = hub.parts.topics
    with hub.service():
        await hub.publish(1, hub.by_the_unit_itself())
        await _until(lambda: len(hub.delivered()) == 1)
    await hub.publish(2, hub.by_the_unit_itself())
    await asyncio.sleep(3)  # accept tries, and starts anew

    assert await hub.count(topics.alerts) == 1
    with hub.service():
        await _until(lambda: len(hub.delivered()) == 2)
    assert await hub.count(topics.quarantine) == 0


async def _until(done) -> None:
    async with asyncio.timeout(90):
        while not done():  # noqa: ASYNC110 - files appear without a word
            await asyncio.sleep(0.2)
