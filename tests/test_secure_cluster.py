"""The protected local cluster: everything on TLS, secrets in private files, three nodes too."""

import asyncio
import signal
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from secured import by_certificate, parts_on, provisioned

from broker.certificates import DAYS, DevelopmentCa
from broker.cli import secure
from broker.cluster import local
from broker.cluster.local import LocalKafka
from broker.errors import KafkaUnavailable
from broker.provisioning import provision
from broker.wire.access_check import check_access
from broker.wire.admin import apply_topics, list_topics
from broker.wire.connection import Connection
from broker.wire.identity import ADMIN
from broker.wire.security import Security
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end
from broker.wire.topics import TopicSpec


@pytest.mark.kafka
def test_a_cluster_id_may_begin_with_a_dash(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "_new_cluster_id", lambda: "-AAAAAAAAAAAAAAAAAAAAA")

    with LocalKafka(tmp_path) as cluster:
        assert asyncio.run(list_topics(Connection(cluster.bootstrap_servers))) == set()


@pytest.mark.kafka
def test_started_again_a_cluster_knows_its_passwords_and_refuses_to_do_without(tmp_path):
    with LocalKafka(tmp_path, secure=True) as cluster:
        parts = parts_on(cluster)
        asyncio.run(apply_topics(parts.connection_of(ADMIN), [TopicSpec("kept", 1)]))

    with pytest.raises(KafkaUnavailable, match="made without or with security"):
        LocalKafka(tmp_path).start()
    with LocalKafka(tmp_path, secure=True) as cluster:
        parts = parts_on(cluster)
        assert asyncio.run(list_topics(parts.connection_of(ADMIN))) == {"kept"}


@pytest.mark.kafka
def test_no_listener_speaks_plaintext_and_two_ask_for_a_certificate(secure_kafka):
    for port, asks in _ports(secure_kafka).items():
        assert _plaintext_answer(port) in (b"", None)
        assert _lets_in(secure_kafka, port) is not asks


@pytest.mark.kafka
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(secure_kafka, version):
    port = next(iter(_ports(secure_kafka)))
    context = ssl.create_default_context(cafile=str(secure_kafka.protection.ca_file))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version

    with pytest.raises((ssl.SSLError, OSError)):
        _handshake(context, port)


@pytest.mark.kafka
def test_secrets_lie_in_private_files_and_nowhere_else(secure_kafka):
    parts = provisioned(secure_kafka, "files.")
    folder = secure_kafka.folder
    passwords = {
        file.read_bytes().strip() for file in parts.settings.credentials.glob("*.password")
    }
    keys = {file.read_bytes() for file in secure_kafka.protection.certificates_folder.glob("*.key")}

    private = [
        file for file in folder.rglob("*") if file.is_file() and _holds(file, passwords | keys)
    ]
    assert {file.parent.name for file in private} == {"passwords", "certificates", "security"}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in private)
    assert stat.S_IMODE((folder / "security").stat().st_mode) == 0o700
    assert not any(_holds(file, passwords) for file in Path("/proc").glob("[0-9]*/cmdline"))


@pytest.mark.kafka
async def test_three_protected_nodes_take_and_give_with_one_of_them_killed():
    with LocalKafka(nodes=3, secure=True) as cluster:
        parts = parts_on(cluster)
        await asyncio.to_thread(provision, parts)
        await parts.apply_topics()
        some = ["role.accept", "role.route", "unit.fiji-tcu", "unit.pifs"]
        matrix = await check_access(parts.rights(), parts.connection_of, some)
        assert matrix.wrong() == []
        assert len(matrix.cells) > 4_000

        unit = parts.connection_of("unit.fiji-tcu")
        await _send(unit, parts.topics.intake("fiji-tcu"), b"before")
        cluster.nodes[0].kill()
        await _send(
            by_certificate(cluster, "unit.fiji-tcu"), parts.topics.intake("fiji-tcu"), b"after"
        )

        admin = parts.connection_of(ADMIN)
        intake = [parts.topics.intake("fiji-tcu")]
        assert {r.value async for r in read_to_end(admin, intake)} == {b"before", b"after"}


@pytest.mark.kafka
def test_lali_up_secure_runs_the_roles_and_other_terminals_need_no_settings(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "LALI_PARTITIONS": "2"}
    lali = [sys.executable, "-m", "broker"]
    up = subprocess.Popen(
        [*lali, "up", "--secure"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert "Lali is up" in _until(up.stderr, "Lali is up")
        checked = _run([*lali, "secure", "check", "--json"], tmp_path, environment)
        told = _run([*lali, "simulate", "--alerts", "2", "--publish"], tmp_path, environment)
        flows = _run([*lali, "flows", "--json"], tmp_path, environment)
        shown = _run([*lali, "settings", "--json"], tmp_path, environment)
    finally:
        up.terminate()
        up.wait(60)

    assert [each.returncode for each in (checked, told, flows, shown)] == [0, 0, 0, 0]
    assert '"wrong": 0' in checked.stdout
    for file in (tmp_path / ".lali" / "kafka-secure" / "security" / "passwords").iterdir():
        assert file.read_text().strip() not in checked.stdout + checked.stderr + shown.stdout


@pytest.mark.kafka
def test_12_12_what_kafka_start_prints_is_all_that_an_administrator_needs(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(Path.home()), "LALI_PARTITIONS": "2"}
    lali = [sys.executable, "-m", "broker"]
    start = [*lali, "kafka", "start", "--secure", "--folder", "kafka"]
    kafka = subprocess.Popen(
        start, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        _until(kafka.stdout, "Ctrl-C stops it")
        (tmp_path / "lali.toml").write_text("".join(kafka.stdout.readline() for _ in range(5)))
        rights = _run([*lali, "secure", "apply"], tmp_path, environment)
        topics = _run([*lali, "topics", "apply"], tmp_path, environment)
        again = _run([*lali, "topics", "apply"], tmp_path, environment)
    finally:
        kafka.send_signal(signal.SIGINT)
        kafka.wait(60)
    said = [each.stdout + each.stderr for each in (rights, topics, again)]
    assert [each.returncode for each in (rights, topics, again)] == [0, 0, 0], said


def test_certificates_say_what_they_are_and_do_not_last(tmp_path, capsys):
    secure.certificates(tmp_path, host=("kafka.example",))

    names = {file.stem for file in tmp_path.glob("*.pem")}
    assert names >= {"ca", "broker", "admin", "role.route", "unit.fiji-tcu"}
    for file in tmp_path.glob("*.pem"):
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        assert "OU=development certificate" in certificate.subject.rfc4514_string()
        lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert lasts.days <= DAYS
    for key in tmp_path.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    broker = x509.load_pem_x509_certificate((tmp_path / "broker.pem").read_bytes())
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kafka.example" in names.get_values_for_type(x509.DNSName)


def test_a_ca_that_is_there_is_kept(tmp_path):
    first = DevelopmentCa(tmp_path).certificate_file.read_bytes()
    pair = DevelopmentCa(tmp_path).issue_client("unit.a")

    assert DevelopmentCa(tmp_path).certificate_file.read_bytes() == first
    assert Security(tmp_path / "ca.pem", "SSL", certificate_file=pair.certificate,
                    key_file=pair.key).context().check_hostname  # fmt: skip


def _ports(cluster):
    """Return the ports of the first node, and whether each asks for a client certificate."""
    address = cluster.nodes[0].plan.address
    return {
        address.client_port: False,
        address.mtls_port: True,
        address.controller_port: True,
    }


def _plaintext_answer(port):
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=20) as opened:
        # An ApiVersions request: length 10, key 18, version 0, correlation id 1, no client id.
        opened.sendall(bytes.fromhex("0000000a 0012 0000 00000001 ffff".replace(" ", "")))
        try:
            answer = opened.recv(4)
        except ConnectionResetError:
            return None
        return b"" if answer[:1] == b"\x15" else answer  # a TLS alert says no, in the clear


def _lets_in(cluster, port):
    context = ssl.create_default_context(cafile=str(cluster.protection.ca_file))
    try:
        _handshake(context, port)
    except ssl.SSLError:
        return False
    return True


def _handshake(context, port):
    import socket

    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as opened,
        context.wrap_socket(opened, server_hostname="127.0.0.1") as wrapped,
    ):
        # In TLS 1.3 the refusal of a missing certificate comes after the handshake.
        wrapped.settimeout(3)
        try:
            wrapped.recv(1)
        except TimeoutError:
            return


def _holds(file, secrets):
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return any(secret in content for secret in secrets)


async def _send(connection, topic, value):
    sender = Sender(connection)
    await sender.start()
    try:
        await sender.send(topic, b"key", value)
    finally:
        await sender.stop()


def _until(stream, words):
    said = ""
    for line in stream:
        said += line
        if words in line:
            break
    return said


def _run(command, folder, environment):
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
