"""A sealed alert through every role, on a real Kafka: who may opens it, nobody else can."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from delivering import producing

from broker.app import Parts, make_parts, make_role
from broker.client import Publisher, Subscriber
from broker.model.alert import Alert
from broker.model.codes import MessageType
from broker.pipeline.protection import Protection
from broker.policy.bundle import load_bundle
from broker.protect.development import init_development
from broker.protect.key_folder import KeyFolder
from broker.resources import shipped
from broker.settings import load_settings
from broker.testing import make_alert, make_recall
from broker.wire import codec
from broker.wire.partition import partition_of
from broker.wire.tail import read_to_end

pytestmark = pytest.mark.kafka

FILED = "samoa-tcu-investigate"


@pytest.fixture
def parts(kafka: str, topics, tmp_path: Path) -> Parts:
    bundle = load_bundle(shipped("policies") / "pacific")
    folder = KeyFolder(tmp_path / "keys")
    community = bundle.community
    init_development(folder, community.units, community.feeds, bundle.digest, entrusted=[FILED])
    settings = load_settings(
        bootstrap_servers=kafka,
        topic_prefix=topics.prefix,
        partitions=topics.partitions,
        keys=tmp_path / "keys",
        protection="required",
    )
    (tmp_path / "out").mkdir()
    overlay = {FILED: {"type": "filedrop", "settings": {"folder": str(tmp_path / "out")}}}
    return make_parts(settings, overlay)


async def _run_until(parts: Parts, done) -> None:
    roles = [make_role(parts, name) for name in ("accept", "route", "deliver")]
    running = [asyncio.create_task(role.run()) for role in roles]
    try:
        async with asyncio.timeout(60):
            while not await done():  # noqa: ASYNC110 - files appear without a word
                await asyncio.sleep(0.2)
    finally:
        for role in roles:
            role.stop()
        await asyncio.wait(running, timeout=20)


async def test_a_sealed_alert_is_opened_by_whom_policy_lets(parts: Parts, tmp_path):
    await parts.apply_topics()
    protection = parts.protection
    assert isinstance(protection, Protection)
    connection = parts.connection("test")
    alert = make_alert(mark="CANARY", urgency="IMMEDIATE")
    seal = protection.originator("fiji-immigration")
    async with Publisher(
        connection, "fiji-immigration", topics=parts.topics, seal=seal
    ) as publisher:
        await publisher.publish(alert)

    out = tmp_path / "out"

    async def delivered() -> bool:
        return any(out.glob("*.json"))

    await _run_until(parts, delivered)
    view = json.loads(next(out.glob("*.json")).read_text())
    assert not view["sealed"]
    assert "CANARY" in json.dumps(view["compartments"])
    assert b"CANARY" not in base64.b64decode("")
    names = [
        parts.topics.intake("fiji-immigration"),
        parts.topics.alerts,
        *(parts.topics.feed(feed) for feed in parts.community.feeds),
    ]
    async for record in read_to_end(connection, names):
        assert b"CANARY" not in (record.value or b"")
    releases = Subscriber(connection, "samoa-tcu-investigate", topics=parts.topics, to_end=True)
    async with releases as found:
        got = [release async for release in found]
    assert [release.sealed for release in got] == [True]


async def test_a_forged_recall_ends_nothing_and_the_hubs_own_is_verified(parts: Parts, tmp_path):
    await parts.apply_topics()
    assert parts.protection is not None
    connection, alert = parts.connection("test"), make_alert(urgency="IMMEDIATE")
    alert_id, out = alert.label.alert_id, tmp_path / "out"
    label = alert.label.model_copy(update={"revision": 2, "message_type": MessageType.CANCEL})
    cancel = Alert(label=label, distribution=alert.distribution)
    # Of a revision beyond every real one: taken for an end, it would hide what comes behind it.
    forged = make_recall(alert_id, 9)
    seal = parts.protection.originator("fiji-immigration")
    publisher = Publisher(connection, "fiji-immigration", topics=parts.topics, seal=seal)

    async with publisher, producing(connection) as producer:
        await publisher.publish(alert)
        await _run_until(parts, _there(out / f"{alert_id}.r0000000001.json"))
        await producer.send_and_wait(
            parts.topics.feed(FILED),
            forged.value,
            key=str(alert_id).encode(),
            partition=partition_of(str(alert_id).encode(), parts.topics.partitions),
        )
        await publisher.publish(cancel)
        await _run_until(parts, _there(out / f"{alert_id}.r0000000002.recall.json"))

    assert [file.name for file in out.glob("*.json")] == [f"{alert_id}.r0000000002.recall.json"]
    letters = [parts.topics.dead_letter(FILED)]
    (letter,) = [record async for record in read_to_end(connection, letters)]
    assert codec.decode(letter.value, "dead-letter")["reason"] == "LEDGER_DISAGREES"
    reader = Subscriber(
        connection, FILED, topics=parts.topics, to_end=True, opener=parts.protection.opener(FILED)
    )
    async with reader as found:
        doubts = {each.revision: each.doubt async for each in found}
    assert doubts == {1: None, 9: "SIGNATURE_MISSING", 2: None}


def _there(path: Path):
    async def there() -> bool:
        return path.exists()  # noqa: ASYNC240 - once in a while, in a test

    return there
