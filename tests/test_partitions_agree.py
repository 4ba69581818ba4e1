"""C29: a process that counts partitions otherwise than the cluster does not start."""

import asyncio
import dataclasses
import uuid

import pytest
from aiokafka.errors import NodeNotReadyError
from secured import provisioned

from broker.agreement import Agreed, require_partitions
from broker.errors import KafkaUnavailable, SettingsInvalid
from broker.provisioning import check, provision
from broker.wire import admin
from broker.wire.admin import apply_topics
from broker.wire.connection import Connection
from broker.wire.identity import ADMIN, connection_as
from broker.wire.provision import foreign_rights
from broker.wire.tail import partitions_of
from broker.wire.topics import Topics
from broker.wire.wide_client import wide_client


class Role:
    """A role that notes whether it ran."""

    def __init__(self):
        self.ran = False
        self.stopped = asyncio.Event()

    def stop(self):
        self.stopped.set()

    async def run(self):
        self.ran = True
        await self.stopped.wait()


@pytest.mark.kafka
async def test_c29_a_role_with_another_number_of_partitions_never_runs(connection, topics):
    other = Topics(topics.prefix, topics.partitions + 1)
    assert not await require_partitions(connection, other)  # there is nothing to differ from
    await apply_topics(connection, topics.specs([], ["a-feed"]))
    assert await require_partitions(connection, topics)

    role = Role()
    with pytest.raises(SettingsInvalid, match=f"LALI_PARTITIONS={topics.partitions} "):
        await asyncio.wait_for(Agreed("route", role, connection, other).run(), 60)
    assert not role.ran

    with pytest.raises(SettingsInvalid, match="PARTITIONS_DIFFER"):
        await asyncio.wait_for(Agreed("route", role, connection, other, waits=False).run(), 60)
    assert role.stopped.is_set()

    good = Role()
    for waits in (True, False):
        agreed = Agreed("route", good, connection, topics, waits=waits)
        running = asyncio.create_task(agreed.run())
        while not good.ran:  # noqa: ASYNC110 - it is noted, and not told
            await asyncio.sleep(0.05)
        agreed.stop()
        await asyncio.wait_for(running, 60)
        good = Role()


async def test_c29_a_cluster_that_is_away_is_waited_for_and_stopping_ends_it(unused_tcp_port):
    role = Role()
    agreed = Agreed("route", role, Connection(f"127.0.0.1:{unused_tcp_port}"), Topics("x.", 2))
    running = asyncio.create_task(agreed.run())
    await asyncio.sleep(0.2)
    agreed.stop()
    await asyncio.wait_for(running, 120)
    assert not role.ran


class Frozen:
    """An admin client whose broker answered when it connected, and never again."""

    def __init__(self, **_):
        pass

    async def start(self):
        """It answers."""

    async def close(self):
        """It may be let go."""

    async def list_topics(self, *_):
        raise NodeNotReadyError

    list_consumer_group_offsets = create_topics = list_topics


@pytest.mark.parametrize("ask", [
    lambda connection: partitions_of(connection, ["alerts"]),
    admin.list_topics,
    lambda connection: admin.apply_topics(connection, []),
    lambda connection: admin.committed_offsets(connection, "group"),
])  # fmt: skip
async def test_b20_a_broker_that_freezes_in_the_middle_of_an_answer_is_unavailable(
    ask, monkeypatch, unused_tcp_port
):
    monkeypatch.setattr(admin, "AIOKafkaAdminClient", Frozen)
    with pytest.raises(KafkaUnavailable):
        await ask(Connection(f"127.0.0.1:{unused_tcp_port}"))


@pytest.mark.parametrize("waits", [True, False])
async def test_b20_a_role_that_starts_while_kafka_is_frozen_does_not_end(
    waits, monkeypatch, unused_tcp_port
):
    monkeypatch.setattr(admin, "AIOKafkaAdminClient", Frozen)
    connection, role = Connection(f"127.0.0.1:{unused_tcp_port}"), Role()
    agreed = Agreed("gateway", role, connection, Topics("", 2), waits=waits)
    running = asyncio.create_task(agreed.run())
    done, _ = await asyncio.wait([running], timeout=3)
    agreed.stop()
    await asyncio.wait([running], timeout=60)

    assert not done
    assert running.exception() is None


def _commands(feed):
    return [
        ["flows"],
        ["trace", str(uuid.uuid4())],
        ["quarantine", "list"],
        ["feed", "owed", feed],
        ["dead-letters", "list", feed],
        ["subscribe", feed, "--once"],
        ["topics", "apply"],
        ["restore", "--check"],
    ]


@pytest.mark.kafka
@pytest.mark.parametrize("number", range(8))
def test_c29_a_command_with_another_number_of_partitions_is_refused(
    lali, monkeypatch, kafka, topics, number
):
    feed = "samoa-tcu-investigate"
    words = _commands(feed)[number]
    asyncio.run(apply_topics(Connection(kafka), topics.specs([], [feed])))
    monkeypatch.setenv("LALI_BOOTSTRAP_SERVERS", kafka)
    monkeypatch.setenv("LALI_TOPIC_PREFIX", topics.prefix)
    monkeypatch.setenv("LALI_PARTITIONS", str(topics.partitions + 1))

    code, out, err = lali(*words)

    assert code != 0
    said = " ".join((out + err).split())
    assert "PARTITIONS_DIFFER" in said
    assert f"set LALI_PARTITIONS={topics.partitions} for every process" in said


@pytest.mark.kafka
def test_c29_rights_are_neither_set_nor_asked_for_another_number_of_partitions(secure_kafka):
    parts = provisioned(secure_kafka, f"t{uuid.uuid4().hex[:8]}.")
    prefix = parts.topics.prefix
    other = dataclasses.replace(parts, topics=Topics(prefix, parts.topics.partitions + 1))

    for act in (provision, check):
        with pytest.raises(SettingsInvalid, match="PARTITIONS_DIFFER"):
            act(other)
    with wide_client(connection_as(parts.settings, "test", ADMIN)) as client:
        assert foreign_rights(client, parts.rights()) == []
    with pytest.raises(SettingsInvalid, match="PARTITIONS_DIFFER"):  # as the role that reads it
        asyncio.run(other.compare("audit"))


@pytest.mark.kafka
async def test_c37_a_role_without_protection_never_runs_where_it_is_required(connection, topics):
    await apply_topics(connection, topics.specs([], [], protected=True))
    assert await require_partitions(connection, topics)

    for waits in (True, False):
        role = Role()
        agreed = Agreed("accept", role, connection, topics, waits=waits, protected=False)
        with pytest.raises(SettingsInvalid, match="PROTECTION_DIFFERS"):
            await asyncio.wait_for(agreed.run(), 60)
        assert role.stopped.is_set() or not role.ran
