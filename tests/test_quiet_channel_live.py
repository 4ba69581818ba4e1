"""What a recipient can count in its topic and files is the same, withheld or never filled."""

import asyncio
import base64
import itertools
import json
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sealed import scratch

from broker.app import Parts, make_parts, make_role
from broker.client import Publisher
from broker.model.compartment import COMPARTMENTS, compartments_in
from broker.policy.bundle import load_bundle
from broker.policy.decide import view_of
from broker.policy.facts import Facts
from broker.protect.change import ChangeKind
from broker.protect.development import agree, init_development
from broker.protect.key_folder import KeyFolder
from broker.protect.release_seal import open_feed_key, open_slot_keys
from broker.protect.slot_seal import bound_to
from broker.resources import shipped
from broker.settings import load_settings
from broker.testing import alert_id_of, make_alert, make_compartments
from broker.wire.sealing import ReleaseParts
from broker.wire.tail import read_to_end

pytestmark = pytest.mark.kafka

PACIFIC = shipped("policies") / "pacific"
#: A feed that sees some of an ordinary alert, and not all of it.
UNIT, FEED = "fiji-immigration", "samoa-tcu-investigate"
NARROWER = """
@id("planted") @why("Planted.") @legal_basis("None: synthetic.")
forbid (principal, action == Lali::Action::"see_suspects", resource);
"""


class Hub:
    """The Pacific region, sealed; *FEED* has files and keeps its own key."""

    def __init__(self, kafka: str, topics) -> None:
        self.folder = scratch()
        (self.folder / "out").mkdir()
        bundle = load_bundle(PACIFIC)
        community = bundle.community
        self.keys = KeyFolder(self.folder / "keys")
        init_development(self.keys, community.units, community.feeds, bundle.digest)
        self._where = {"bootstrap_servers": kafka, "topic_prefix": topics.prefix, "partitions": 1}
        self.parts = self.under(PACIFIC)
        decided = self.parts.decider.decide(
            FEED,
            view_of(make_alert().label, make_alert().distribution),
            Facts(expired=False, embargoed=False),
        )
        self.seen = {name.value for name in compartments_in(decided.outcome.compartments)}

    def under(self, bundle) -> Parts:
        settings = load_settings(
            **self._where, keys=self.keys.path, protection="required", bundle=bundle
        )
        filed = {"type": "filedrop", "settings": {"folder": str(self.folder / "out")}}
        return make_parts(settings, {FEED: filed})

    def narrower(self) -> Parts:
        """Return the region under a bundle that withholds suspects from everyone."""
        copy = shutil.copytree(PACIFIC, self.folder / "narrower")
        (copy / "rules" / "planted.cedar").write_text(NARROWER)
        agree(self.keys, ChangeKind.BUNDLE, load_bundle(copy).digest.hex())
        return self.under(copy)

    async def publish(self, number: int, filled: set[str]) -> None:
        content = {name: each for name, each in make_compartments().items() if name in filled}
        alert = make_alert(
            alert_id=alert_id_of(number), compartments=content,
            originated_at=datetime.now(UTC) - timedelta(minutes=1),
        )  # fmt: skip
        seal = self.parts.protection.originator(UNIT)
        connection = self.parts.connection("test")
        async with Publisher(connection, UNIT, topics=self.parts.topics, seal=seal) as publisher:
            await publisher.publish(alert)

    async def records(self) -> list:
        topic = self.parts.topics.feed(FEED)
        return [r async for r in read_to_end(self.parts.connection("test"), [topic])]

    def files(self) -> list:
        return [json.loads(f.read_text()) for f in sorted((self.folder / "out").glob("*.json"))]

    def keys_in(self, value: bytes) -> set[str]:
        """Return the compartments whose keys the recipient finds in a release."""
        parts = ReleaseParts(value)
        bound = bound_to(parts.alert_id, parts.revision)
        release_key = open_feed_key(FEED, parts.feed_key or b"", bound, self.keys.keeper)
        found = open_slot_keys(parts.slot_keys or b"", release_key, bound)
        return {name.value for name, key in zip(COMPARTMENTS, found, strict=True) if key}


@pytest.fixture
async def hub(kafka, topics):
    made = Hub(kafka, topics)
    await made.parts.apply_topics()
    return made


async def test_nothing_on_its_own_topic_tells_what_was_withheld(hub):
    everything = set(make_compartments())
    assert hub.seen
    assert hub.seen != everything

    async with _running(hub.parts, "accept", "route"):
        for number in range(6):  # one at a time, so each has a transaction of its own
            await hub.publish(number + 1, everything if number % 2 else hub.seen)
            await _until(lambda n=number: _has(hub, n + 1))

    records = await hub.records()
    never, withheld = records[::2], records[1::2]
    assert [_seen_of(r) for r in never] == [_seen_of(r) for r in withheld]
    gaps = {b.offset - a.offset for a, b in itertools.pairwise(records)}
    assert len(gaps) == 1
    assert {frozenset(hub.keys_in(r.value)) for r in records} == {frozenset(hub.seen)}


async def test_what_was_narrowed_before_delivery_looks_as_if_it_had_never_been_filled(hub):
    assert "suspects" in hub.seen

    async with _running(hub.parts, "accept", "route"):
        for number, filled in ((1, hub.seen), (2, hub.seen - {"suspects"})):
            await hub.publish(number, filled)
            await _until(lambda n=number: _has(hub, n))
    async with _running(hub.narrower(), "deliver"):
        await _until(lambda: _has_files(hub, 2))

    narrowed, never = hub.files()
    assert _lengths(narrowed) == _lengths(never)
    for each in (narrowed, never):
        value = base64.b64decode(each["record"])
        assert hub.keys_in(value) == hub.seen - {"suspects"}


def _seen_of(record) -> tuple:
    """Return what can be measured of a record; a signature in DER has no fixed length."""
    parts = ReleaseParts(record.value)
    loose = len(parts.signature.value)
    sizes = [len(parts.slots.content(record.value, n) or b"") for n in range(len(COMPARTMENTS))]
    return len(record.value) - loose, len(record.key), record.headers, record.partition, sizes


def _lengths(view: dict) -> dict:
    """Return the shape of a delivered file: its fields, and how long each is."""
    loose = len(ReleaseParts(base64.b64decode(view["record"])).signature.value)
    exact = len(base64.b64decode(view["record"])) - loose
    rest = {name: len(json.dumps(each)) for name, each in view.items() if name != "record"}
    return rest | {"record": exact}


@asynccontextmanager
async def _running(parts: Parts, *names: str):
    """Run roles of *parts* while the block runs."""
    roles = [make_role(parts, name) for name in names]
    tasks = [asyncio.create_task(role.run()) for role in roles]
    try:
        yield
    finally:
        for role in roles:
            role.stop()
        await asyncio.wait(tasks, timeout=30)


async def _has(hub: Hub, count: int) -> bool:
    return len(await hub.records()) >= count


async def _has_files(hub: Hub, count: int) -> bool:
    return len(hub.files()) == count


async def _until(done) -> None:
    async with asyncio.timeout(90):
        while not await done():  # noqa: ASYNC110 - they lie in Kafka
            await asyncio.sleep(0.1)
