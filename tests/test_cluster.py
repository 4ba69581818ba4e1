"""The local Kafka is real, keeps its data, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from broker.cluster import jars
from broker.cluster.local import LocalKafka
from broker.errors import DependencyMissing, KafkaUnavailable
from broker.wire.admin import apply_topics, list_topics
from broker.wire.connection import Connection
from broker.wire.producer import idempotent_producer
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics, TopicSpec

pytestmark = pytest.mark.kafka


async def _write(servers: str, topic: str, values: list[bytes]) -> None:
    producer = idempotent_producer(Connection(servers))
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value)
    await producer.stop()


async def _read(servers: str, topic: str) -> list[bytes]:
    return [record.value async for record in read_to_end(Connection(servers), [topic])]


async def test_a_cluster_started_again_in_its_folder_has_its_data(tmp_path):
    with LocalKafka(tmp_path) as first:
        await apply_topics(Connection(first.bootstrap_servers), [TopicSpec("kept", 1)])
        await _write(first.bootstrap_servers, "kept", [b"one", b"two"])
        servers = first.bootstrap_servers

    with LocalKafka(tmp_path) as second:
        assert second.bootstrap_servers == servers
        assert await _read(second.bootstrap_servers, "kept") == [b"one", b"two"]


async def test_topics_are_created_once_and_never_by_accident(connection, topics):
    specs = topics.specs(["some-unit"], ["some-feed"])

    created = await apply_topics(connection, specs)

    assert sorted(created) == sorted(spec.name for spec in specs)
    assert await apply_topics(connection, specs) == []
    missing = Topics("nobody-made-these.").alerts
    assert [r async for r in read_to_end(connection, [missing])] == []
    assert missing not in await list_topics(connection)


async def test_a_ledger_that_does_not_exist_is_an_error_and_not_an_empty_one(connection, topics):
    with pytest.raises(KafkaUnavailable):
        [record async for record in read_to_end(connection, [topics.ledger], partition=0)]


def test_no_kafka_outlives_a_parent_that_was_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from broker.cluster.local import LocalKafka\n"
        f"k = LocalKafka(Path({str(tmp_path)!r})).start(); print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    assert _processes_naming(tmp_path)

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    deadline = time.monotonic() + 20
    while _processes_naming(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _processes_naming(tmp_path) == []


async def test_three_nodes_take_and_give_with_one_of_them_killed(kafka3):
    connection = Connection(kafka3.bootstrap_servers)
    await apply_topics(connection, [TopicSpec("safe", 1)], replication=3)
    await _write(kafka3.bootstrap_servers, "safe", [b"before"])

    kafka3.nodes[0].kill()
    await _write(kafka3.bootstrap_servers, "safe", [b"after"])

    assert await _read(kafka3.bootstrap_servers, "safe") == [b"before", b"after"]


def test_missing_java_and_maven_are_one_line_each(monkeypatch, tmp_path):
    monkeypatch.setattr(jars.shutil, "which", lambda _name: None)
    monkeypatch.setenv("LALI_CACHE_DIR", str(tmp_path))

    with pytest.raises(DependencyMissing, match="Java 17 or newer is missing: install it") as java:
        jars.java()
    with pytest.raises(DependencyMissing, match="Maven is missing: install it") as maven:
        jars.jars()

    assert "\n" not in str(java.value) + str(maven.value)
    assert not jars.cache_folder().exists()


def _processes_naming(folder: Path) -> list[str]:
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"kafka.Kafka" in words and any(str(folder).encode() in word for word in words):
            found.append(command.parent.name)
    return found


async def test_11_23_data_and_log_are_their_owners_alone(tmp_path):
    folder = tmp_path / "kafka"
    folder.mkdir(mode=0o755)
    with LocalKafka(folder) as cluster:
        await apply_topics(Connection(cluster.bootstrap_servers), [TopicSpec("kept", 1)])
        await _write(cluster.bootstrap_servers, "kept", [b"one"])
        open_to_others = [
            path for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077
        ]
    assert open_to_others == []
    assert list(folder.rglob("kept-0/*.log"))


async def test_12_7_a_folder_with_any_letters_is_found_again_whatever_the_locale(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("LANG", "C")
    folder = tmp_path / "dossier à Nouméa" / "Fa’asāmoa 島 \\ = #"
    for value in (b"one", b"two"):
        with LocalKafka(folder) as cluster:
            connection = Connection(cluster.bootstrap_servers)
            await apply_topics(connection, [TopicSpec("kept", 1)])
            await _write(cluster.bootstrap_servers, "kept", [value])
            found = await _read(cluster.bootstrap_servers, "kept")
    assert found == [b"one", b"two"]
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_12_7_a_comma_in_the_path_is_refused_in_words(tmp_path):
    with pytest.raises(KafkaUnavailable, match="a comma"):
        LocalKafka(tmp_path / "a,b").start()


def test_12_10_the_log_of_kafka_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dlali.kafka.log.size=2KB")
    for _ in range(2):
        with LocalKafka(tmp_path) as cluster:
            node = cluster.nodes[0].folder
    logs = {file.name: file.stat().st_size for file in node.glob("kafka.log*")}
    assert set(logs) == {"kafka.log", "kafka.log.1", "kafka.log.2", "kafka.log.3",
                         "kafka.log.before"}  # fmt: skip
    assert max(logs.values()) < 20_000
