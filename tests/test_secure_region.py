"""Accept, route and deliver work on TLS with no more rights than their own."""

import asyncio
import contextlib
import dataclasses
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from secured import by_certificate, parts_on, provisioned

from broker.app import ROLES, make_parts, make_role
from broker.audit.balance import balance, read_disclosed, read_published
from broker.audit.log import read_audit
from broker.client import Subscriber
from broker.errors import KafkaRefused
from broker.model.release import ReleaseKind
from broker.provisioning import provision
from broker.simulate import Scenario, past_start
from broker.wire.identity import ADMIN
from broker.wire.provision import revoke
from broker.wire.sender import Sender
from broker.wire.wide_client import wide_client

pytestmark = pytest.mark.kafka

DELIVERED = ("fiji-tcu-investigate", "samoa-police-protect")
READ_BY_UNIT = "samoa-tcu-investigate"


@pytest.fixture(scope="module")
def provisioned_parts(secure_kafka):
    return provisioned(secure_kafka, "region.")


@pytest.fixture
def parts(provisioned_parts, tmp_path):
    overlay = {}
    for feed in DELIVERED:
        (tmp_path / feed).mkdir()
        overlay[feed] = {"type": "filedrop", "settings": {"folder": str(tmp_path / feed)}}
    own = {"gateway_port": 0, "data_folder": tmp_path}
    return make_parts(provisioned_parts.settings.model_copy(update=own), overlay)


async def test_a_region_works_with_each_role_and_unit_as_its_own_principal(
    parts, tmp_path, secure_kafka
):
    community = parts.bundle.community
    start = past_start(datetime.now(UTC), 3)
    steps = list(Scenario(seed=5, alerts=30, days=3, community=community, start=start))
    roles = [make_role(parts, role) for role in ROLES]
    running = [asyncio.create_task(role.run()) for role in roles]
    try:
        await _publish(parts, steps)
        books = await _settled(parts, len(steps))
    finally:
        for role in roles:
            role.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), 30)

    assert books.holds, books
    assert books.released > 0
    assert books.recalled > 0
    files = [file for feed in DELIVERED for file in (tmp_path / feed).glob("*.json")]
    # A recall takes earlier files away, so there may be fewer files than deliveries.
    assert 0 < len(files) <= books.delivered

    by_password = await _taken(parts, parts.connection_of("region.unit.samoa-tcu"))
    with_certificate = await _taken(parts, by_certificate(secure_kafka, "region.unit.samoa-tcu"))
    assert by_password
    assert by_password == with_certificate


async def test_a_role_without_its_rights_is_refused_and_says_so_at_once(parts):
    settings = parts.settings.model_copy(update={"topic_prefix": "elsewhere."})
    (parts.settings.credentials / "elsewhere.role.route.password").touch(mode=0o600)
    (parts.settings.credentials / "elsewhere.role.route.password").write_text("not it")

    ended = await asyncio.to_thread(_lali, settings, "run", "route")

    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith("lali: AUTHENTICATION_FAILED")


async def test_commands_need_settings_alone(parts, tmp_path):
    trace = await asyncio.to_thread(_lali, parts.settings, "flows", "--json")
    topics = await asyncio.to_thread(_lali, parts.settings, "topics", "apply")
    read = await asyncio.to_thread(
        _lali, parts.settings, "subscribe", READ_BY_UNIT, "--once", "--json"
    )
    told = await asyncio.to_thread(
        _lali, parts.settings, "simulate", "--alerts", "3", "--publish", "--json"
    )

    for ended in (trace, topics, read, told):
        assert ended.returncode == 0, ended.stderr
    assert "0 topics created" in topics.stdout
    assert json.loads(told.stdout.splitlines()[-1])["accepted"] >= 1


async def test_one_identity_in_the_settings_is_used_for_everything(parts):
    unit = "region.unit.fiji-tcu"
    one = {
        "credentials": None,
        "user": unit,
        "password_file": parts.settings.credentials / f"{unit}.password",
    }
    settings = parts.settings.model_copy(update=one)

    own = await asyncio.to_thread(
        _lali, settings, "subscribe", "fiji-tcu-investigate", "--once", "--json"
    )
    other = await asyncio.to_thread(_lali, settings, "subscribe", READ_BY_UNIT, "--once")

    assert own.returncode == 0, own.stderr
    assert other.returncode != 0
    assert other.stderr.strip() == f"lali: there is no feed {READ_BY_UNIT}"


async def test_a_reader_whose_right_is_taken_while_it_reads_is_told(secure_kafka):
    parts = parts_on(secure_kafka, "region.")
    principal = "region.unit.samoa-tcu"

    def take_away():
        with wide_client(parts.connection_of(ADMIN)) as client:
            revoke(client, principal)

    connection = dataclasses.replace(parts.connection_of(principal), request_timeout_ms=8_000)
    async with (
        asyncio.timeout(60),
        Subscriber(connection, READ_BY_UNIT, topics=parts.topics) as releases,
    ):
        await asyncio.to_thread(take_away)
        try:
            with pytest.raises(KafkaRefused, match="NOT_AUTHORISED"):
                [release async for release in releases]
        finally:
            await asyncio.to_thread(provision, parts)


async def _publish(parts, steps):
    senders = {}
    try:
        for unit in {step.originator for step in steps}:
            senders[unit] = Sender(parts.connection_of(parts.principals().unit(unit)))
            await senders[unit].start()
        for step in steps:
            topic = parts.topics.intake(step.originator)
            await senders[step.originator].send(topic, step.key, step.value)
    finally:
        for sender in senders.values():
            await sender.stop()


async def _settled(parts, steps):
    """Return the books, as the administrator reads them, once everything has ended."""
    connection = parts.connection("judge")
    units, feeds = parts.community.publishers(), list(parts.community.feeds)
    async with asyncio.timeout(150):
        while True:
            log = await read_audit(parts.connection("audit"), parts.topics)
            ended = len(list(log.of("DECIDED", "DUPLICATE", "QUARANTINED")))
            disclosed = await read_disclosed(connection, parts.topics, feeds)
            due = sum(
                count for (feed, *_), count in disclosed.items() if feed in DELIVERED
            ) if ended >= steps else -1  # fmt: skip
            if due == len(list(log.of("DELIVERED", "NOT_DELIVERED", "DEAD_LETTERED"))):
                published = await read_published(connection, parts.topics, units)
                return balance(published, log, disclosed, frozenset(DELIVERED))
            await asyncio.sleep(1)


async def _taken(parts, connection):
    async with Subscriber(connection, READ_BY_UNIT, topics=parts.topics, to_end=True) as releases:
        return [
            (release.alert_id, release.revision)
            async for release in releases
            if release.kind is ReleaseKind.RELEASE
        ]


def _lali(settings, *words):
    named = {
        f"LALI_{name.upper()}": json.dumps(value) if isinstance(value, tuple) else str(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
        if value is not None
    }
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), **named}
    return subprocess.run(
        [sys.executable, "-m", "broker", *words],
        capture_output=True,
        text=True,
        env=environment,
        timeout=200,
        check=False,
    )
