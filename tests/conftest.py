"""A real Kafka for the tests that need one, however this machine can have it.

LALI_TEST_KAFKA=docker     the official image, by testcontainers
LALI_TEST_KAFKA=host:port  an existing cluster
unset                      a local one, from the jars that Maven resolves
"""

import asyncio
import logging
import os
import shutil
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from faults import page as faults_page
from hypothesis import HealthCheck, settings

from broker.cluster.jars import kafka_version
from broker.cluster.local import LocalKafka
from broker.errors import KafkaUnavailable
from broker.protect.ceremony import OfficerKey
from broker.protect.development import FIRST, SECOND, development_key
from broker.protect.key_folder import KeyFolder
from broker.resources import shipped
from broker.wire.admin import admin
from broker.wire.connection import Connection
from broker.wire.topics import Topics

# Time is never a criterion of a test here: machines are shared and noisy.
settings.register_profile("lali", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lali")

# Most tests look at one stage with plain alerts; those of protection ask for it.
os.environ.setdefault("LALI_PROTECTION", "off")

SHARED = Path(os.environ.get("LALI_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """No test inherits where another one's logs went."""
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if type(each).__module__ != "broker.logs"]


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say what a test measured at the end of the run, whichever process ran it."""
    return lambda text: record_property("measured", text)


@pytest.fixture
def tell_fault(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Put a row into the table of faults that is printed at the end."""

    def tell(name, published, verdict, seconds):  # type: ignore[no-untyped-def]
        after = "never" if seconds is None else f"{seconds:.0f} s"
        lost, twice, leaked = (len(set(e)) for e in (verdict.lost, verdict.twice, verdict.leaked))
        cells = [str(each) for each in (published, lost, twice, leaked, after)]
        record_property("fault", [name, *cells])

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests measured, and the table of faults."""
    _write(terminalreporter, "measured", [str(t) for t in _told(terminalreporter, "measured")])
    rows: dict[str, list[str]] = {n: cells for n, *cells in _told(terminalreporter, "fault")}  # type: ignore[misc]
    for report in terminalreporter.stats.get("skipped", []):
        if "tests/faults/" in report.nodeid and "not run" in str(report.longrepr):
            rows[report.nodeid.partition("[")[2].rstrip("]")] = faults_page.not_run()
    head = ["fault", "published", "lost", "twice", "leaked", "recovered"]
    table = [head, *([name, *cells] for name, cells in rows.items())] if rows else []
    _write(
        terminalreporter, "faults", ["{:40}{:>11}{:>6}{:>7}{:>8}{:>11}".format(*r) for r in table]
    )
    if rows and (page := os.environ.get("LALI_FAULTS_PAGE")):
        faults_page.write(Path(page), rows)


def _told(reporter: pytest.TerminalReporter, kind: str) -> list[object]:
    return [
        told
        for reports in reporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, told in report.user_properties
        if name == kind
    ]


def _write(reporter: pytest.TerminalReporter, kind: str, lines: list[str]) -> None:
    if lines:
        reporter.section(kind)
        for line in lines:
            reporter.write_line(line)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Kafka."""
    wanted = os.environ.get("LALI_TEST_KAFKA", "")
    if wanted == "docker":
        yield from _in_docker()
    elif wanted:
        yield wanted
    else:
        with LocalKafka(heap_mb=1024) as cluster:
            yield cluster.bootstrap_servers


@pytest.fixture(scope="module")
def kafka3() -> Iterator[LocalKafka]:
    """A quorum of three nodes, each of which can be killed and paused."""
    with LocalKafka(nodes=3) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def secure_kafka() -> Iterator[LocalKafka]:
    """A real Kafka on TLS, with passwords, client certificates and ACLs."""
    with LocalKafka(secure=True, heap_mb=768) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _made_keys() -> KeyFolder:
    from sealed import new_folder

    return new_folder()


@pytest.fixture
def key_folder(_made_keys: KeyFolder) -> KeyFolder:
    """A key folder of the test's own; the keys in it are the same in all tests."""
    from sealed import scratch

    path = scratch() / "keys"
    shutil.copytree(_made_keys.path, path)
    return KeyFolder(path)


@pytest.fixture
def first(key_folder: KeyFolder) -> OfficerKey:
    """The first officer, with the key."""
    return development_key(key_folder, FIRST)


@pytest.fixture
def second(key_folder: KeyFolder) -> OfficerKey:
    """The second officer, with the key."""
    return development_key(key_folder, SECOND)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the Pacific bundle, to plant mistakes in."""
    return shutil.copytree(shipped("policies") / "pacific", tmp_path / "pacific")


@pytest.fixture
def lali(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command as the shell does; return exit code, output and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("broker.cli.configure_logs", lambda **_: None)

    import broker.cli

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lali", *map(str, words)])
        code: Any = 0
        try:
            broker.cli.main()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "unexpected fault" not in said.err
        return code, said.out, said.err

    return run


@pytest.fixture
def connection(kafka: str) -> Connection:
    """A connection to the session's Kafka."""
    return Connection(kafka)


@pytest.fixture
def topics() -> Topics:
    """Names below a prefix of this test's own."""
    return Topics(f"t{uuid.uuid4().hex[:8]}.", partitions=2)


@pytest.fixture(scope="session")
def htcds() -> Path:
    """The folder with the HTCDS 2.0 material, where it is there."""
    folder = SHARED / "htcds"
    if not folder.is_dir():
        pytest.skip("not run: the HTCDS material is not beside this checkout")
    return folder


def _in_docker() -> Iterator[str]:
    """One node in a container, set as docker-compose.yml sets it, on a port of this machine."""
    import yaml
    from testcontainers.core.container import DockerContainer

    compose = yaml.safe_load((Path(__file__).parents[1] / "docker-compose.yml").read_text())
    image = os.environ.get("LALI_TEST_KAFKA_IMAGE", f"apache/kafka:{kafka_version()}")
    # Clients are sent to the advertised address, so the port must be known before the start.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        container = DockerContainer(image)
        for name, value in compose["services"]["kafka"]["environment"].items():
            container.with_env(name, str(value))
        advertised = f"INSIDE://127.0.0.1:19092,MACHINE://127.0.0.1:{port}"
        container.with_env("KAFKA_ADVERTISED_LISTENERS", advertised)
        container.ports["9092/tcp"] = ("127.0.0.1", port)  # with_bind_ports knows no address
        container.start()
    except Exception as error:
        pytest.skip(f"not run: no Kafka container could be started ({type(error).__name__})")
    try:
        asyncio.run(_answers(Connection(f"127.0.0.1:{port}")))
        yield f"127.0.0.1:{port}"
    finally:
        container.stop()


async def _answers(connection: Connection) -> None:
    """Wait until the cluster answers as a client asks, not only until its port is open."""
    async with asyncio.timeout(180):
        while True:
            try:
                async with admin(connection):
                    return
            except KafkaUnavailable:
                await asyncio.sleep(1)
