"""What route and deliver set aside lies sealed for the hub, whatever it is and whoever wrote it."""

import asyncio
from types import SimpleNamespace

import pytest

from broker.app import Parts, make_parts, make_role
from broker.pipeline.accepted import INTAKE_HEADER
from broker.pipeline.delivery_records import original_of
from broker.policy.bundle import load_bundle
from broker.protect.development import init_development
from broker.protect.key_folder import KeyFolder
from broker.protect.original import open_original
from broker.resources import shipped
from broker.settings import load_settings
from broker.testing import alert_id_of, make_alert, make_recall, make_release
from broker.wire import codec
from broker.wire.alert_codec import encode_alert
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end

FEED = "samoa-tcu-investigate"
MARK = b"CANARY"
ALERT = make_alert(mark=MARK.decode())
KEY = b"CANARY of Apia"
NOISE = b"CANARY, and no alert at all"
#: What may come to lie on `alerts`: key, value, headers.
FORGED = [
    (KEY, NOISE, ()),
    (KEY, b"\0\0\0\0\x02" + NOISE * 9, ((INTAKE_HEADER, b"0:0"),)),
    (str(ALERT.label.alert_id).encode(), encode_alert(ALERT), ((INTAKE_HEADER, b"0:1"),)),
]


@pytest.fixture
def parts(kafka, topics, tmp_path) -> Parts:
    bundle = load_bundle(shipped("policies") / "pacific")
    community = bundle.community
    folder = KeyFolder(tmp_path / "keys")
    init_development(folder, community.units, community.feeds, bundle.digest, entrusted=[FEED])
    settings = load_settings(
        bootstrap_servers=kafka,
        topic_prefix=topics.prefix,
        partitions=1,
        keys=tmp_path / "keys",
        protection="required",
    )
    (tmp_path / "out").mkdir()
    overlay = {FEED: {"type": "filedrop", "settings": {"folder": str(tmp_path / "out")}}}
    return make_parts(settings, overlay)


@pytest.mark.kafka
async def test_nothing_that_is_set_aside_can_be_read_without_the_hubs_key(parts):
    topics, connection = parts.topics, parts.connection("test")
    await parts.apply_topics()
    sender = Sender(connection)
    await sender.start()
    for key, value, headers in FORGED:
        await sender.send(topics.alerts, key, value, headers)
    await sender.send(topics.feed(FEED), KEY, NOISE)
    await sender.stop()

    await _run_until_set_aside(parts, quarantined=len(FORGED), dead=1)

    places = [topics.quarantine, topics.dead_letter(FEED), topics.audit, topics.ledger]
    async for record in read_to_end(connection, places):
        assert MARK not in (record.key or b"") + (record.value or b"")
    originals = [_original(parts, kept) async for kept in _kept(parts, topics.quarantine)]
    assert originals == [(key, value) for key, value, _ in FORGED]
    (letter,) = [kept async for kept in _kept(parts, topics.dead_letter(FEED))]
    keeper = parts.protection.folder.keeper
    opened = open_original(keeper, f"feed/{FEED}", letter["key_id"], letter["release"])
    assert opened == (KEY, NOISE)


@pytest.mark.parametrize("value", [NOISE, b"", None, make_release(ALERT).value])
def test_a_dead_letter_keeps_nothing_open_that_route_did_not_seal(parts, value):
    register = parts.protection.folder.register
    record = SimpleNamespace(key=KEY, value=value)

    kept = original_of(record, FEED, register)

    assert kept.key_id is not None
    assert MARK not in kept.value
    assert original_of(record, FEED, None) == (value or b"", None)


def test_a_recall_holds_nothing_and_is_kept_as_it_is(parts):
    value = make_recall(alert_id_of(1), 2).value

    kept = original_of(
        SimpleNamespace(key=KEY, value=value), FEED, parts.protection.folder.register
    )

    assert kept == (value, None)


async def _run_until_set_aside(parts: Parts, quarantined: int, dead: int) -> None:
    roles = [make_role(parts, name) for name in ("route", "deliver")]
    running = [asyncio.create_task(role.run()) for role in roles]
    topics = parts.topics
    try:
        async with asyncio.timeout(60):
            while (  # noqa: ASYNC110 - they lie in Kafka
                await _count(parts, topics.quarantine) < quarantined
                or await _count(parts, topics.dead_letter(FEED)) < dead
            ):
                await asyncio.sleep(0.2)
    finally:
        for role in roles:
            role.stop()
        await asyncio.wait(running, timeout=20)


async def _count(parts: Parts, topic: str) -> int:
    return len([None async for _ in read_to_end(parts.connection("test"), [topic])])


async def _kept(parts: Parts, topic: str):
    name = "quarantine" if topic == parts.topics.quarantine else "dead-letter"
    async for record in read_to_end(parts.connection("test"), [topic]):
        yield codec.decode(record.value, name)


def _original(parts: Parts, kept) -> tuple[bytes, bytes]:
    where = f"{kept['topic']}/{kept['partition']}/{kept['offset']}"
    return open_original(parts.protection.folder.keeper, where, kept["key_id"], kept["value"])
