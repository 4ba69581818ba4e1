"""After an erasure nothing at the hub opens the alert: not the topics, not quarantine, not a copy.

Tried on Kafka's own segments, byte by byte, with every key that the hub still has; before the
erasure the same attempts succeed, so that their failing afterwards means something.
"""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from canary_search import values_in
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.app import make_parts, make_role
from broker.audit.log import read_audit
from broker.client import Publisher
from broker.cluster.local import LocalKafka
from broker.errors import Rejected
from broker.keys import init_keys
from broker.pipeline.open_release import read_verified
from broker.protect.development import FIRST, SECOND
from broker.protect.key_folder import KeyFolder
from broker.protect.original import open_original
from broker.protect.slot_seal import AlertKeys, SealBroken
from broker.protect.wrap import alert_info
from broker.settings import load_settings
from broker.testing import make_alert
from broker.wire import codec
from broker.wire.alert_codec import encode_alert
from broker.wire.codec import name_of
from broker.wire.sealing import AlertParts
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

UNIT, FEED = "fiji-immigration", "samoa-tcu-investigate"


class Hub:
    """A hub at work: one alert to be erased, one that stays, one in quarantine."""

    def __init__(self, kafka: LocalKafka, work: Path) -> None:
        self.work = work
        (work / "out").mkdir(parents=True)
        toml = f'[{FEED}]\ntype = "filedrop"\nsettings = {{folder = "{work / "out"}"}}\n'
        (work / "connectors.toml").write_text(toml)
        self.settings = load_settings(
            bootstrap_servers=kafka.bootstrap_servers,
            partitions=1,
            protection="required",
            keys=work / "keys",
            connectors=work / "connectors.toml",
        )
        init_keys(self.settings, entrusted=[FEED])
        self.kafka = kafka.folder
        self.parts = make_parts(self.settings)
        self.roles = [make_role(self.parts, name) for name in ("accept", "route", "deliver")]

    async def publish(self, *alerts) -> None:
        seal = self.parts.protection.originator(UNIT)
        connection = self.parts.connection("test")
        async with Publisher(connection, UNIT, seal=seal) as publisher:
            for alert in alerts:
                await publisher.publish(alert)

    async def spoil(self, alert) -> None:
        sender = Sender(self.parts.connection("test"))
        await sender.start()
        key = str(alert.label.alert_id).encode()
        await sender.send(self.parts.topics.intake(UNIT), key, encode_alert(alert))
        await sender.stop()

    async def until(self, delivered: int, quarantined: int) -> None:
        async with asyncio.timeout(90):
            while True:
                log = await read_audit(self.parts.connection("test"), self.parts.topics)
                counts = (len(list(log.of(k))) for k in ("DELIVERED", "QUARANTINED"))
                if tuple(counts) >= (delivered, quarantined):
                    return
                await asyncio.sleep(0.5)

    def lali(self, *words: str) -> subprocess.CompletedProcess[str]:
        named = {
            f"LALI_{name.upper()}": str(value)
            for name, value in self.settings.model_dump(exclude_unset=True).items()
        }
        return subprocess.run(
            [sys.executable, "-m", "broker", *words],
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", **named},
            timeout=120,
            check=False,
        )


def opened(hub: Hub, folder: KeyFolder, alert_id: UUID) -> set[str]:
    """Return in which topics something of the alert can be opened with the keys in *folder*."""
    found = set()
    topics = hub.parts.topics
    for topic in (topics.intake(UNIT), topics.alerts):
        for value in values_in(hub.kafka, topic):
            if _alert_opens(folder, value, alert_id):
                found.add(topic)
    protection = hub.parts.protection.__class__(folder, hub.parts.protection.units)
    for feed in (FEED,):
        for value in values_in(hub.kafka, topics.feed(feed)):
            if name_of(value) == "release" and _release_opens(protection, feed, value, alert_id):
                found.add(topics.feed(feed))
    for value in values_in(hub.kafka, topics.quarantine):
        if _original_opens(folder, value, alert_id):
            found.add(topics.quarantine)
    return found


def _alert_opens(folder: KeyFolder, value: bytes, alert_id: UUID) -> bool:
    if name_of(value) != "alert" or value[5:21] != alert_id.bytes:
        return False
    parts = AlertParts(value)
    if parts.seal is None:
        return False  # sent in clear, by whoever did that
    keys = list(folder.vault.find([parts.statement(parts.seal.distribution_salt).digest]).values())
    if parts.seal.hub is not None:
        for key in folder.register().keys:
            info = alert_info(parts.alert_id, parts.revision, key.id)
            try:
                keys.append(folder.keeper.unwrap(key.id, parts.seal.hub.wrapped, info))
            except (KeyError, SealBroken):
                continue
    return any(_slot_opens(key, parts) for key in keys)


def _slot_opens(alert_key: bytes, parts: AlertParts) -> bool:
    sealed = parts.slots.content(parts.value, 0)
    try:
        return bool(AlertKeys(alert_key, parts.alert_id, parts.revision).open(0, sealed or b""))
    except SealBroken:
        return False


def _release_opens(protection, feed: str, value: bytes, alert_id: UUID) -> bool:
    if codec.decode_trusted(value, "release")["alert_id"] != alert_id.bytes:
        return False
    try:
        return read_verified(value, protection.opener(feed)).compartments.mask != 0
    except Rejected:
        return False


def _original_opens(folder: KeyFolder, value: bytes, alert_id: UUID) -> bool:
    kept = codec.decode_trusted(value, "quarantine")
    if kept["alert_id"] != alert_id.bytes:
        return False
    where = f"{kept['topic']}/{kept['partition']}/{kept['offset']}"
    for key in folder.register().keys:
        try:
            return bool(open_original(folder.keeper, where, key.id, kept["value"])[1])
        except Rejected:
            continue
    return False


async def test_what_is_erased_opens_nowhere_and_neighbours_do(tmp_path):
    with LocalKafka(tmp_path / "kafka") as kafka:
        hub = Hub(kafka, tmp_path / "work")
        await hub.parts.apply_topics()
        running = [asyncio.create_task(role.run()) for role in hub.roles]
        try:
            await _erase_and_judge(hub)
        finally:
            for role in hub.roles:
                role.stop()
            await asyncio.wait(running, timeout=20)


async def _erase_and_judge(hub: Hub) -> None:
    topics = hub.parts.topics
    gone, kept, spoilt = (make_alert(mark=mark) for mark in ("GONE", "KEPT", "SPOILT"))
    await hub.publish(gone, kept)
    await hub.spoil(spoilt)
    await hub.until(delivered=2, quarantined=1)
    gone_id, kept_id = gone.label.alert_id, kept.label.alert_id
    everywhere = {topics.intake(UNIT), topics.alerts, topics.feed(FEED)}
    folder = KeyFolder(hub.settings.key_folder())
    backup = hub.work / "older-vault.db"
    _copy_database(hub.settings.key_folder() / "vault" / "vault.db", backup)
    assert opened(hub, folder, gone_id) == everywhere
    assert opened(hub, folder, spoilt.label.alert_id) == {topics.quarantine}

    proposed = await asyncio.to_thread(hub.lali, "erase", str(gone_id), "--officer", FIRST)
    assert proposed.returncode == 0, proposed.stderr
    change = proposed.stdout.split()[1]
    alone = await asyncio.to_thread(hub.lali, "change", "approve", change, "--officer", FIRST)
    assert alone.returncode == 1
    assert "SELF_APPROVED" in alone.stderr
    assert opened(hub, KeyFolder(folder.path), gone_id) == everywhere
    approved = await asyncio.to_thread(hub.lali, "change", "approve", change, "--officer", SECOND)
    assert approved.returncode == 0, approved.stderr

    today = KeyFolder(folder.path)
    assert opened(hub, today, gone_id) == set()
    assert opened(hub, today, spoilt.label.alert_id) == set()
    assert opened(hub, today, kept_id) == everywhere
    assert not _opens_older_copy(backup, folder.path / "vault" / "vault.key", gone_id)
    await hub.publish(make_alert(mark="LATER"))
    await hub.until(delivered=3, quarantined=1)

    log = await read_audit(hub.parts.connection("test"), topics)
    officers = [e.kind for e in log.entries if e.stage == "OFFICER"]
    expected = ["CHANGE_PROPOSED", "CHANGE_REFUSED", "CHANGE_APPROVED", "CHANGE_APPLIED", "ERASED"]
    assert officers == expected
    async for record in read_to_end(hub.parts.connection("test"), [topics.audit]):
        assert b"GONE" not in record.value


def _copy_database(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as database, sqlite3.connect(target) as copy:
        database.backup(copy)


def _opens_older_copy(copy: Path, key_file: Path, alert_id: UUID) -> bool:
    key = AESGCM(key_file.read_bytes())
    with sqlite3.connect(copy) as database:
        query = "SELECT digest, sealed FROM alert_keys WHERE alert_id = ?"
        rows = database.execute(query, (alert_id.bytes,)).fetchall()
    assert rows, "the copy was made before the erasure and must hold the row"
    for digest, sealed in rows:
        try:
            key.decrypt(sealed[:12], sealed[12:], b"lali vault 1" + digest)
        except InvalidTag:
            continue
        return True
    return False
