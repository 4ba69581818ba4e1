"""No password is shown: by repr, settings, errors, logs of ours or of the clients."""

import asyncio
import dataclasses
import json
import logging
import os
import stat
import traceback

import pytest
from pydantic import SecretStr
from secured import parts_on

from broker.certificates import DevelopmentCa
from broker.cli.settings import settings as show_settings
from broker.errors import KafkaUnavailable, SettingsInvalid
from broker.private_files import Passwords, new_password, read_secret
from broker.settings import load_settings
from broker.wire.connection import Connection
from broker.wire.identity import ADMIN, connection_as
from broker.wire.provision import apply_users
from broker.wire.security import Security
from broker.wire.welcome import require_welcome
from broker.wire.wide_client import wide_client

CANARY = "CANARY-password-3f1c"


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LALI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LALI_BOOTSTRAP_SERVERS", "kafka.example:9093")
    monkeypatch.setenv("LALI_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("LALI_CA_FILE", str(tmp_path / "ca.pem"))
    return monkeypatch


def _private(file, text):
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def test_settings_never_show_the_password(environment, capsys):
    environment.setenv("LALI_USER", "unit.fiji-tcu")
    environment.setenv("LALI_PASSWORD", CANARY)

    show_settings()
    show_settings(json=True)
    now = load_settings()

    said = capsys.readouterr()
    shown = [said.out, said.err, repr(now), str(now), now.model_dump_json(), str(now.model_dump())]
    assert not any(CANARY in text for text in shown)
    assert json.loads(said.out.splitlines()[-1])["user"] == "unit.fiji-tcu"
    assert now.secret().get_secret_value() == CANARY


def test_a_connection_never_shows_the_password(environment):
    environment.setenv("LALI_USER", "unit.fiji-tcu")
    environment.setenv("LALI_PASSWORD", CANARY)
    connection = connection_as(load_settings(), "lali", "unit.fiji-tcu")

    shown = [repr(connection), str(connection), repr(dataclasses.asdict(connection))]
    assert not any(CANARY in text for text in shown)
    assert "password" not in repr(connection)


def test_a_password_in_a_settings_file_is_refused_without_saying_it(environment, tmp_path):
    (tmp_path / "lali.toml").write_text(f'password = "{CANARY}"\n')

    with pytest.raises(SettingsInvalid) as refused:
        load_settings()

    assert CANARY not in "".join(traceback.format_exception(refused.value))


def test_a_password_comes_from_a_private_file(environment, tmp_path):
    file = _private(tmp_path / "secret", CANARY + "\n")
    environment.setenv("LALI_USER", "unit.fiji-tcu")
    environment.setenv("LALI_PASSWORD_FILE", str(file))
    assert load_settings().secret().get_secret_value() == CANARY

    file.chmod(0o640)
    with pytest.raises(SettingsInvalid, match="secret: others may read it: chmod 600"):
        connection_as(load_settings(), "lali", "unit.fiji-tcu")


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_password_file_is_refused(tmp_path, content):
    with pytest.raises(SettingsInvalid, match="it is empty"):
        read_secret(_private(tmp_path / "secret", content))


def test_credentials_without_tls_are_refused_before_anything_is_sent(environment):
    environment.setenv("LALI_SECURITY_PROTOCOL", "PLAINTEXT")
    environment.delenv("LALI_CA_FILE")
    environment.setenv("LALI_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    environment.setenv("LALI_PASSWORD", CANARY)

    with pytest.raises(SettingsInvalid, match="security_protocol is PLAINTEXT") as refused:
        connection_as(load_settings(), "lali", "unit.fiji-tcu")
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "SASL_SSL needs user and password, or credentials"),
        ({"USER": "unit.a"}, "SASL_SSL needs a user and a password"),
        ({"SECURITY_PROTOCOL": "SSL"}, "SSL needs a certificate file and a key file"),
        ({"SECURITY_PROTOCOL": "PLAINTEXT", "CA_FILE": ""}, "plaintext to another machine"),
    ],
)
def test_a_half_set_identity_is_one_line(environment, given, missing):
    for name, value in given.items():
        if value:
            environment.setenv(f"LALI_{name}", value)
        else:
            environment.delenv(f"LALI_{name}")

    with pytest.raises(SettingsInvalid, match=missing):
        connection_as(load_settings(), "lali", "unit.a")


def test_there_is_no_way_to_leave_the_server_unchecked(tmp_path):
    ca = DevelopmentCa(tmp_path).certificate_file
    context = Security(ca, user="a", password=SecretStr(CANARY)).context()

    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert context.minimum_version.name == "TLSv1_2"
    assert len(context.get_ca_certs()) == 1


def test_a_ca_file_that_is_none_is_named_and_not_shown(tmp_path):
    with pytest.raises(SettingsInvalid, match=r"^ca\.pem: no CA certificate in it$"):
        Security(_private(tmp_path / "ca.pem", CANARY), user="a", password=SecretStr("b")).context()


def test_passwords_lie_in_files_of_their_own(tmp_path):
    passwords = Passwords(tmp_path / "credentials")
    password = new_password()

    passwords.write("unit.a", password)

    file = passwords.file_of("unit.a")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert passwords.read("unit.a") == password
    assert len(password.get_secret_value()) >= 43


def test_passwords_are_different_each_time():
    assert len({new_password().get_secret_value() for _ in range(100)}) == 100


@pytest.mark.kafka
async def test_no_log_holds_a_password_even_at_level_debug(secure_kafka, caplog, capsys):
    parts = parts_on(secure_kafka, "logs.")
    caplog.set_level(logging.DEBUG, "aiokafka")
    caplog.set_level(logging.DEBUG)
    admin = parts.connection_of(ADMIN)
    passwords = Passwords(parts.settings.credentials)

    def apply():
        with wide_client(admin) as client:
            apply_users(client, parts.rights(), passwords)

    await asyncio.to_thread(apply)
    connection = parts.connection_of("logs.role.audit")
    await require_welcome(connection)
    wrong = dataclasses.replace(connection.security, password=SecretStr(CANARY))
    with pytest.raises(KafkaUnavailable):
        await require_welcome(Connection(connection.bootstrap_servers, security=wrong))

    said = capsys.readouterr()
    text = caplog.text + said.out + said.err
    secrets = [passwords.read(name).get_secret_value() for name in ("logs.role.audit", ADMIN)]
    assert not any(secret in text for secret in [CANARY, *secrets])
