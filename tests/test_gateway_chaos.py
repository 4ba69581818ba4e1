"""Ten thousand releases by three ways, while gateway, Kafka node and readers end and come back."""

import asyncio
import contextlib
import json
import os
import random
import socket
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from faults.selection import WHOLE
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, settings_of

from broker.app import make_parts
from broker.client import Subscriber
from broker.cluster.local import wait_until_ready
from broker.errors import KafkaUnavailable
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import key_file, new_key
from broker.testing import make_alert
from broker.trial.roles import Crew
from broker.wire.alert_codec import encode_alert

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.timeout(900)]

#: Ten thousand in `make faults`.
RELEASES = 10_000 if WHOLE else 3_000
BATCH = 200
#: An alert that is updated, and one that is cancelled, in so many.
UPDATED, CANCELLED = 0.3, 0.08
GATEWAY_KILLS, NODE_KILLS = 4, 2
PATIENCE_SECONDS = 600
AWAY = (aiohttp.ClientError, TimeoutError, ConnectionError)


def story(seed):
    """Return (framed alert, identity of what its feed receives), in order of publishing."""
    chance = random.Random(seed)
    told, living = [], []
    while len(told) < RELEASES:
        if living and chance.random() < UPDATED:
            alert_id, revision = living.pop(chance.randrange(len(living)))
            revision += 1
        else:
            alert_id, revision = uuid.UUID(int=chance.getrandbits(128), version=4), 1
        ends = revision > 1 and chance.random() < CANCELLED / UPDATED
        kind = "CANCEL" if ends else "UPDATE" if revision > 1 else "ALERT"
        alert = make_alert(
            originator=ORIGINATOR, alert_id=alert_id, revision=revision, message_type=kind,
            compartments={} if ends else {"summary": {"headline": f"SYNTHETIC {revision}"}},
        )  # fmt: skip
        identity = (str(alert_id), revision, "RECALL" if ends else "RELEASE")
        told.append((encode_alert(alert), identity))
        if not ends:
            living.append((alert_id, revision))
    return told


class Doors:
    """Where readers and publisher go."""

    def __init__(self, settings, port):
        self.url = f"http://127.0.0.1:{port}"
        self.feed_url = f"{self.url}/v1/feeds/{FEED}"
        self._settings = settings

    def headers(self, unit):
        now = datetime.now(UTC) - timedelta(minutes=5)
        made = new_key(unit, tuple(Right), now, now + timedelta(days=1))
        key_file(self._settings).add(made.entry)
        return {"Authorization": f"Bearer {made.text}"}


class Reader:
    """What a reader has stored: identities in their order, and with the last its cursor."""

    def __init__(self, name, last_of_each):
        self.name = name
        self.stored = []
        self.cursor = None
        self.restarts = 0
        self._wanting = set(last_of_each)

    def store(self, identity, cursor=None):
        # One transaction of the reader's own: the item, and where reading goes on behind it.
        self.stored.append(identity)
        self.cursor = cursor or self.cursor
        self._wanting.discard(identity)

    @property
    def is_done(self):
        return not self._wanting


def identity_of(item):
    return item["alert_id"], item["revision"], item["kind"]


async def read_pages(reader, doors, headers, chance):
    """Read page by page; now and then end before a page is stored, or in the middle of it."""
    while not reader.is_done:
        with contextlib.suppress(*AWAY):
            async with aiohttp.ClientSession(
                headers=headers, timeout=aiohttp.ClientTimeout(30)
            ) as session:
                await read_some_pages(reader, doors, session, chance)
        reader.restarts += 1
        await asyncio.sleep(0.2)


async def read_some_pages(reader, doors, session, chance):
    for _ in range(chance.randrange(3, 40)):
        query = {"limit": str(chance.choice((1, 37, 250, 500)))}
        if reader.cursor:
            query["cursor"] = reader.cursor
        async with session.get(doors.feed_url, params=query) as answer:
            if answer.status != 200:
                assert answer.status == 503, await answer.text()
                return
            page = await answer.json()
        ends_within = chance.random() < 0.1
        for item in page["items"]:
            if ends_within and chance.random() < 0.05:
                return
            reader.store(identity_of(item), item["cursor"])
        reader.cursor = page["next"]
        if not page["more"]:
            await asyncio.sleep(0.2)


async def read_stream(reader, doors, headers, chance):
    """Follow the stream; break off now and then, and resume behind what was stored."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
    while not reader.is_done:
        with contextlib.suppress(*AWAY):
            said = {"Last-Event-ID": reader.cursor} if reader.cursor else {}
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
                session.get(doors.feed_url + "/stream", headers=said) as answer,
            ):
                if answer.status == 200:
                    await store_events(reader, answer.content, chance.randrange(50, 1500))
                else:
                    assert answer.status == 503, await answer.text()
        reader.restarts += 1
        await asyncio.sleep(0.2)


async def store_events(reader, lines, most):
    event = {}
    async for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = value
        elif event.get("data"):
            reader.store(identity_of(json.loads(event["data"])), event["id"])
            most -= 1
            event = {}
        if most <= 0 or reader.is_done:
            return


async def read_topic(reader, parts, chance):
    """Follow the topic in a group; end now and then before what was stored is committed."""
    group = parts.topics.prefix + "reader"
    while not reader.is_done:
        with contextlib.suppress(KafkaUnavailable):
            async with Subscriber(
                parts.connection("reader"), FEED, group, auto_commit=False, topics=parts.topics
            ) as releases:
                await store_releases(reader, releases, chance)
        reader.restarts += 1
        await asyncio.sleep(0.2)


async def store_releases(reader, releases, chance):
    count, most = 0, chance.randrange(RELEASES // 50, RELEASES // 3)
    async for release in releases:
        reader.store((str(release.alert_id), release.revision, release.kind.value))
        count += 1
        if count % 100 == 0 or reader.is_done:
            await releases.commit()
        if count >= most or reader.is_done:
            return


async def publish(doors, headers, told):
    """Publish in order, each batch until all of it is there."""
    async with aiohttp.ClientSession(headers=headers) as session:
        for start in range(0, len(told), BATCH):
            values = [value for value, _ in told[start : start + BATCH]]
            body = b"".join(len(value).to_bytes(4, "big") + value for value in values)
            while not await published(session, doors, body):  # noqa: ASYNC110 - until it is there
                await asyncio.sleep(0.3)


async def published(session, doors, body):
    said = {"Content-Type": "application/vnd.lali.alerts"}
    try:
        async with session.post(
            doors.url + "/v1/alerts", data=body, headers=said, timeout=aiohttp.ClientTimeout(90)
        ) as answer:
            told = await answer.json()
    except AWAY:
        return False
    if answer.status in (202, 207):
        assert told["refused"] == 0, told
        return told["unavailable"] == 0
    assert answer.status == 503, told
    return False


async def disturb(crew, kafka, readers, doors, chance, say):
    """Kill gateways and nodes, in an order of the seed, while the readers go on."""
    kinds = ["gateway"] * GATEWAY_KILLS + ["node"] * NODE_KILLS
    chance.shuffle(kinds)
    for number, kind in enumerate(kinds):
        # The last one strikes before the readers are through with three quarters.
        share = (number + chance.random()) / len(kinds) * 0.75
        await until(lambda share=share: readers_have(readers, share), 40)
        say(f"killing a {kind}")
        if kind == "gateway":
            await asyncio.to_thread(crew.replace, "gateway")
            await answering(doors)
        else:
            node = chance.choice(kafka.nodes)
            await asyncio.to_thread(node.kill)
            await asyncio.sleep(chance.uniform(1, 4))
            await asyncio.to_thread(node.start)
            await asyncio.to_thread(wait_until_ready, node)


def readers_have(readers, share):
    return min(len(set(each.stored)) for each in readers) >= share * RELEASES


async def answering(doors):
    """Wait until a gateway is there again."""
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(*AWAY):
                async with session.get(doors.url + "/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.3)


async def until(condition, seconds):
    """Wait until *condition* holds, or some seconds have gone: faults strike idle readers too."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - several readers make it true
                await asyncio.sleep(0.1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_three_ways_of_reading_see_the_same_releases(kafka3, topics, tmp_path, capsys, say):
    seed = int(os.environ.get("LALI_CHAOS_SEED", random.randrange(10**6)))
    chance = random.Random(seed)
    began = time.monotonic()

    def show(text):
        with capsys.disabled():
            print(f"\n  {time.monotonic() - began:5.0f} s  {text}", end="", flush=True)  # noqa: T201

    told = story(seed)
    expected = {identity for _, identity in told}
    last = {}
    for _, identity in told:
        last[identity[0]] = identity
    say(f"readers: seed {seed}: {len(told)} releases of {len(last)} alerts")

    servers, port = kafka3.bootstrap_servers, free_port()
    settings = settings_of(servers, topics.prefix, tmp_path, replication=3, session_timeout_ms=6000)
    parts = make_parts(settings)
    await parts.apply_topics()
    environment = {
        "LALI_BOOTSTRAP_SERVERS": servers,
        "LALI_TOPIC_PREFIX": topics.prefix,
        "LALI_PARTITIONS": str(topics.partitions),
        "LALI_REPLICATION": "3",
        "LALI_SESSION_TIMEOUT_MS": "6000",
        "LALI_DATA_FOLDER": str(tmp_path),
        "LALI_PROTECTION": "off",
        "LALI_GATEWAY_PORT": str(port),
        "LALI_GATEWAY_RATE": "100000/minute",
        "LALI_SETTINGS": os.devnull,
    }
    (tmp_path / "logs").mkdir()
    crew = Crew(environment, tmp_path / "logs")
    doors = Doors(settings, port)
    by_kafka, by_page, by_stream = readers = [
        Reader(name, last.values()) for name in ("Kafka", "pages", "stream")
    ]
    headers = doors.headers(UNIT_OF_FEED)
    try:
        for role in ("accept", "route", "gateway"):
            crew.start(role)
        work = [
            publish(doors, doors.headers(ORIGINATOR), told),
            disturb(crew, kafka3, readers, doors, random.Random(chance.random()), show),
            read_topic(by_kafka, parts, random.Random(chance.random())),
            read_pages(by_page, doors, headers, random.Random(chance.random())),
            read_stream(by_stream, doors, headers, random.Random(chance.random())),
        ]
        progress = asyncio.create_task(tell(readers, show))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*work)
        finally:
            progress.cancel()
    finally:
        await asyncio.to_thread(crew.stop)

    for reader in readers:
        say(f"readers: {reader.name}: {len(reader.stored)} stored, {reader.restarts} restarts")
        assert reader.restarts > 1
        assert set(reader.stored) <= expected, "something that was never published"
        in_order(reader)
    assert set(by_kafka.stored) == expected
    for reader in (by_page, by_stream):
        assert max(Counter(reader.stored).values()) == 1, f"{reader.name}: twice"
        missing = expected - set(reader.stored)
        later = {identity: last[identity[0]] for identity in missing}
        # The only thing that is passed over is what a later revision stands behind.
        assert all(at_end[1] > identity[1] for identity, at_end in later.items()), reader.name
        assert set(later.values()) <= set(reader.stored), reader.name
        assert all(identity[2] == "RELEASE" for identity in missing), "a recall is missing"
        say(f"readers: {reader.name}: {len(missing)} passed over, all superseded")
    assert crew.kills["gateway"] == GATEWAY_KILLS


def in_order(reader):
    """Check that no alert goes back in what was stored first of each identity."""
    newest, seen = {}, set()
    for identity in reader.stored:
        if identity in seen:
            continue  # by Kafka it may come again after a crash
        seen.add(identity)
        alert_id, revision, _ = identity
        assert newest.get(alert_id, 0) < revision, f"{reader.name}: order"
        newest[alert_id] = revision


async def tell(readers, show):
    while True:
        await asyncio.sleep(10)
        show(", ".join(f"{each.name} {len(set(each.stored))}" for each in readers))
