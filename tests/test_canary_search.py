"""Nothing readable lies anywhere but with those whom policy lets: the whole system, searched.

Alerts whose every text is a canary go through all roles as processes of their own, on TLS
with ACLs, signed and sealed. Then every file of Kafka, every record of its segments, the key
folder, logs, temporary files and what commands print is searched. Leaks are planted last, one
of each kind, to show that the search would have found them.
"""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from canary_search import CANARY_BYTES, in_files, in_segments
from secured import parts_on, provisioned

from broker.app import ROLES
from broker.audit.balance import balance, read_disclosed, read_published
from broker.audit.log import read_audit
from broker.cluster.local import LocalKafka
from broker.demo.leaks import LeakSearch
from broker.keys import init_keys
from broker.pipeline.open_release import read_verified
from broker.simulate import Scenario, past_start
from broker.trial.roles import RoleProcess
from broker.wire.admin import apply_topics
from broker.wire.codec import name_of
from broker.wire.consumer import group_consumer
from broker.wire.identity import ADMIN
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end
from broker.wire.topics import TopicSpec

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

ENTRUSTED = ("fiji-tcu-investigate", "samoa-police-protect")
NOT_ENTRUSTED = "samoa-tcu-investigate"
PLANTED = b"CNRY-0badcafe-victims-00101"


@pytest.fixture(scope="module")
def kafka_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kafka")


@pytest.fixture(scope="module")
def region(kafka_folder, tmp_path_factory):
    """Return everything that there is once a region has worked, and the alerts it told of."""
    work = tmp_path_factory.mktemp("work")
    with LocalKafka(kafka_folder / "data", secure=True) as kafka:
        region = Region(kafka, kafka_folder, work)
        asyncio.run(region.work_through())
        yield region


class Region:
    def __init__(self, kafka, kafka_folder, work):
        self.kafka, self.kafka_folder, self.work = kafka, kafka_folder, work
        self.ended = {}
        for name in ("logs", "tmp", "partners", "data"):
            (work / name).mkdir()
        feeds = (*ENTRUSTED, NOT_ENTRUSTED)
        lines = []
        for feed in feeds:
            (work / "partners" / feed).mkdir()
            folder = work / "partners" / feed
            lines += [f"[{feed}]", 'type = "filedrop"', f'settings = {{folder = "{folder}"}}']
        (work / "connectors.toml").write_text("\n".join(lines))
        chosen = {
            "protection": "required",
            "data_folder": work / "data",
            "connectors": work / "connectors.toml",
            "gateway_port": 0,
        }
        self.parts = parts_on(kafka, "", protection="off", data_folder=work / "data")
        settings = self.parts.settings.model_copy(update=chosen)
        init_keys(settings, entrusted=ENTRUSTED)
        self.parts = provisioned(kafka, "", **chosen)

    async def work_through(self):
        parts = self.parts
        start = past_start(datetime.now(UTC), 3)
        scenario = Scenario(
            seed=11,
            alerts=60,
            days=3,
            community=parts.bundle.community,
            start=start,
            seal=parts.protection.seal,
        )
        self.steps = list(scenario)
        environment = self.environment()
        roles = [
            RoleProcess(role, environment, self.work / "logs" / f"{role}.log") for role in ROLES
        ]
        try:
            await self._publish()
            self.books = await self._settled()
        finally:
            for role in roles:
                await asyncio.to_thread(role.stop)

    def environment(self):
        kept = self.parts.settings.model_dump(exclude_unset=True)
        named = {f"LALI_{k.upper()}": str(v) for k, v in kept.items() if v is not None}
        return {**named, "TMPDIR": str(self.work / "tmp")}

    async def _publish(self):
        senders = {}
        for unit in {step.originator for step in self.steps}:
            principal = self.parts.principals().unit(unit)
            senders[unit] = Sender(self.parts.connection_of(principal))
            await senders[unit].start()
        for step in self.steps:
            topic = self.parts.topics.intake(step.originator)
            await senders[step.originator].send(topic, step.key, step.value)
        for sender in senders.values():
            await sender.stop()

    async def _settled(self):
        parts, connection = self.parts, self.parts.connection("judge")
        delivering = frozenset((*ENTRUSTED, NOT_ENTRUSTED))
        async with asyncio.timeout(240):
            while True:
                log = await read_audit(connection, parts.topics)
                disclosed = await read_disclosed(connection, parts.topics, parts.community.feeds)
                units = parts.community.publishers()
                published = await read_published(connection, parts.topics, units)
                books = balance(published, log, disclosed, delivering)
                if books.published == len(self.steps) and books.holds:
                    self.log = log
                    return books
                await asyncio.sleep(1)

    def everything(self):
        """Yield each canary that lies where nobody is entitled to it, with its place.

        An agency that sends in clear has put its own words into its own intake topic; they
        must be nowhere else.
        """
        clear = {
            alert.label.alert_id.hex[:8].encode()
            for alert in (step.alert for step in self.steps if step.kind == "unsigned")
        }
        for where, canary in self._found():
            if not (canary[5:13] in clear and "intake." in where):
                yield where, canary

    def _found(self):
        folders = [self.kafka_folder, self.work / "data", self.work / "logs", self.work / "tmp"]
        yield from in_segments(self.kafka_folder)
        yield from in_files(*folders)
        for words in (("flows", "--json"), ("settings", "--json"), ("keys", "list", "--json")):
            yield from self._in_output(*words)
        alert = next(step.alert for step in self.steps if step.alert.compartments.victims)
        yield from self._in_output("trace", str(alert.label.alert_id), "--json")

    def _in_output(self, *words):
        ended = subprocess.run(
            [sys.executable, "-m", "broker", *words],
            capture_output=True,
            env={**os.environ, **self.environment()},
            timeout=120,
            check=False,
        )
        self.ended[words[0]] = ended.returncode
        found = CANARY_BYTES.findall(ended.stdout + ended.stderr)
        yield from ((f"output of {words[0]}", each) for each in found)


def test_the_region_worked(region):
    assert region.books.accepted > 40
    assert region.books.quarantined > 10
    assert region.books.delivered > 10
    assert region.books.recalled > 0


def test_no_canary_lies_where_nobody_is_entitled_to_it(region):
    found = list(region.everything())

    assert found == []
    assert set(region.ended.values()) == {0}


async def test_recipients_received_what_policy_lets_them_and_no_more(region):
    parts = region.parts
    feeds, units = dict(parts.community.feeds), dict(parts.community.units)
    search = LeakSearch((step.alert for step in region.steps), region.log, feeds, units)
    connection = parts.connection("judge")
    for feed in feeds:
        async for record in read_to_end(connection, [parts.topics.feed(feed)]):
            if name_of(record.value) == "release":
                view = read_verified(record.value, parts.protection.opener(feed))
                search.search(feed, "feed", view.model_dump_json().encode())
    for feed in (*ENTRUSTED, NOT_ENTRUSTED):
        for file in (region.work / "partners" / feed).glob("*.json"):
            search.search(feed, "file", file.read_bytes())

    assert search.result.canaries_seen > 500
    assert search.result.leaks == []


def test_a_partner_that_keeps_its_key_got_nothing_readable(region):
    files = list((region.work / "partners" / NOT_ENTRUSTED).glob("*.json"))
    releases = [json.loads(file.read_text()) for file in files]

    assert releases
    assert all(each["sealed"] for each in releases if each["kind"] == "RELEASE")
    assert list(in_files(region.work / "partners" / NOT_ENTRUSTED)) == []


async def test_a_leak_of_each_kind_would_have_been_found(region):
    places = await _plant(region)

    found = {where for where, canary in region.everything() if canary == PLANTED}

    for place in places:
        assert any(place in where for where in found), (place, found)


async def _plant(region: Region) -> list[str]:
    parts = region.parts
    admin = parts.connection_of(ADMIN)
    sender = Sender(admin)
    await sender.start()
    topics = parts.topics
    dead = topics.dead_letter(ENTRUSTED[0])
    await sender.send(topics.audit, None, PLANTED)
    await sender.send(topics.quarantine, PLANTED, b"value")
    await sender.send(dead, b"key", b"value", [("note", PLANTED)])
    await sender.send(topics.feed(NOT_ENTRUSTED), b"key", b"compressed " * 50 + PLANTED)
    await sender.send(topics.ledger, b"key", b"x" + PLANTED)
    await sender.stop()
    group = group_consumer(admin, f"g.{PLANTED.decode()}")
    await group.start()
    group.subscribe([topics.audit])
    await group.getmany(timeout_ms=5000)
    await group.commit()
    await group.stop()
    await apply_topics(admin, [TopicSpec(f"t.{PLANTED.decode()}", 1)])
    work = region.work
    with (work / "logs" / "route.log").open("ab") as log:
        log.write(b"alert.failed " + PLANTED)
    (work / "tmp" / "partial").write_bytes(b"\0" + PLANTED)
    (work / "data" / "keys" / "note.json").write_bytes(PLANTED)
    return [
        f"value in {topics.audit}",
        f"key in {topics.quarantine}",
        f"header in {dead}",
        f"value in {topics.feed(NOT_ENTRUSTED)}",
        f"value in {topics.ledger}",
        "__consumer_offsets",
        f"name of {Path(region.kafka_folder).name}",
        "logs/route.log",
        "tmp/partial",
        "keys/note.json",
    ]
