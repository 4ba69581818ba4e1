"""deploy/docker/secure.yml over docker-compose.yml: no way to Kafka without TLS and a password."""

import os
import re
import runpy
import stat
from pathlib import Path

import pytest
import yaml

from broker.cluster.protection import Protection, protected_settings
from broker.errors import SettingsInvalid
from broker.gateway.identity.serving import server_options
from broker.private_files import Passwords, new_password
from broker.settings import Settings
from broker.wire.access import Principals
from broker.wire.identity import connection_as

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "deploy" / "docker"
PLAIN = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SECURE = yaml.safe_load((DOCKER / "secure.yml").read_text())
SERVICES = SECURE["services"]
CLIENTS = ("provision", "hand-out", "operator", "topics", "accept", "route", "deliver", "gateway")
SCRIPT = runpy.run_path(str(DOCKER / "secure_files.py"))
HANDED = runpy.run_path(str(DOCKER / "hand_out.py"))


def properties():
    lines = (DOCKER / "kafka" / "secure.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def environment_of(name):
    return PLAIN.get(name, {}).get("environment", {}) | SERVICES[name].get("environment", {})


def test_no_listener_is_plaintext_and_only_those_with_passwords_leave_the_container():
    protocols = dict(
        pair.split(":") for pair in properties()["listener.security.protocol.map"].split(",")
    )
    assert set(protocols.values()) == {"SASL_SSL", "SSL"}
    for listener in properties()["listeners"].split(","):
        name, address = listener.split("://")
        if not address.startswith("localhost:"):
            assert protocols[name] == "SASL_SSL"
            wanted = f"listener.name.{name.lower()}.scram-sha-512.sasl.jaas.config"
            assert "ScramLoginModule" in properties()[wanted]
        else:
            assert properties()[f"listener.name.{name.lower()}.ssl.client.auth"] == "required"


def test_the_broker_is_as_strict_as_the_one_the_tests_run_on():
    kept = Protection(*[Path("/any")] * 4)
    for name, value in protected_settings(kept).items():
        if not re.match(r"listener|inter|ssl\.(key|trust)store\.location", name):
            assert properties()[name] == value


def test_the_advertised_port_alone_is_set_outside_of_the_file():
    given = SERVICES["kafka"]["environment"]
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", given["KAFKA_ADVERTISED_LISTENERS"])
    assert text == properties()["advertised.listeners"]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_service_connects_with_tls_and_the_password_of_its_own_principal(
    name, monkeypatch, tmp_path
):
    for key, value in environment_of(name).items():
        monkeypatch.setenv(key, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)))
    SCRIPT["make"](*_folders(tmp_path))
    settings = Settings()
    assert settings.security_protocol == "SASL_SSL"
    assert not settings.allow_plaintext
    assert settings.user is None
    here = settings.model_copy(
        update={"credentials": tmp_path / "credentials", "ca_file": tmp_path / "kafka" / "ca.pem"}
    )
    security = connection_as(here, "any", "admin").security
    assert security is not None
    assert security.user == "admin"
    with pytest.raises(Exception, match=r"role\.route\.password"):
        connection_as(here, "any", "role.route")  # before `secure apply` there is none


def test_roles_may_read_passwords_and_not_write_them_and_none_sees_the_authority():
    for name, service in SERVICES.items():
        mounts = [mount.split(":") for mount in service["volumes"]]
        sources = {mount[0]: mount[2:] for mount in mounts}
        assert ("secure-authority" in sources) == (name == "certificates")
        assert ("secure-kafka" in sources) == (name in {"certificates", "kafka"})
        holds_all = name in {"certificates", "provision", "hand-out", "operator"}
        assert ("secure-credentials" in sources) == holds_all
        assert ("secure-door" in sources) == (name in {"certificates", "gateway"})
        if name in HANDED["SERVICES"]:
            assert mounts[0] == [f"secure-{name}", "/var/lib/lali-credentials", "ro"]


def test_a_service_is_handed_the_password_of_its_own_principal_and_no_other(tmp_path):
    credentials, names = tmp_path / "credentials", Principals()
    for role in (*HANDED["SERVICES"], "officer"):
        Passwords(credentials).write(names.role(role), new_password())
    (credentials / "ca.pem").write_text("ca")
    for service in HANDED["SERVICES"]:
        (tmp_path / service).mkdir()

    for _ in range(2):
        HANDED["hand_out"](credentials, tmp_path, names)

    for service in HANDED["SERVICES"]:
        files = {file.name: file for file in (tmp_path / service).iterdir()}
        own = f"role.{service}.password"
        assert set(files) == {"ca.pem", own}
        assert files[own].read_text() == (credentials / own).read_text()
        assert stat.S_IMODE(files[own].stat().st_mode) == 0o600


def test_the_gateway_speaks_tls_where_plaintext_is_not_allowed(monkeypatch, tmp_path):
    for key, value in environment_of("gateway").items():
        monkeypatch.setenv(key, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)))
    SCRIPT["make"](*_folders(tmp_path))
    files = {"gateway_certificate": "gateway.pem", "gateway_key": "gateway.key"}
    for name, file in files.items():
        assert getattr(Settings(), name) == SCRIPT["DOOR"] / file
    here = Settings().model_copy(update={k: tmp_path / "door" / f for k, f in files.items()})

    assert "ssl_context_factory" in server_options(here)
    with pytest.raises(SettingsInvalid, match="TLS"):
        server_options(here.model_copy(update=dict.fromkeys(files)))


def test_every_service_that_connects_is_handed_its_credentials():
    mounts = {mount.split(":")[0]: mount.split(":")[1] for mount in SERVICES["hand-out"]["volumes"]}
    connecting = {name for name, each in PLAIN.items() if each.get("command", [""])[0] == "run"}

    assert set(HANDED["SERVICES"]) == connecting | {"topics"}
    for name in HANDED["SERVICES"]:
        assert mounts[f"secure-{name}"] == f"{HANDED['HANDED']}/{name}"
        assert f"secure-{name}" in SECURE["volumes"]
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert all(f"/var/lib/lali-handed/{name}" in dockerfile for name in HANDED["SERVICES"])


def test_certificates_come_before_kafka_passwords_before_topics():
    done, healthy = "service_completed_successfully", "service_healthy"
    assert SERVICES["kafka"]["depends_on"] == {"certificates": {"condition": done}}
    assert SERVICES["provision"]["depends_on"] == {"kafka": {"condition": healthy}}
    assert SERVICES["hand-out"]["depends_on"] == {"provision": {"condition": done}}
    assert SERVICES["topics"]["depends_on"] == {"hand-out": {"condition": done}}
    assert SERVICES["operator"]["profiles"] == ["operator"]


def test_what_is_new_has_few_rights_and_publishes_no_port():
    for name in ("certificates", "provision", "hand-out", "operator"):
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    assert SERVICES["certificates"]["network_mode"] == "none"
    assert not any("ports" in service for service in SERVICES.values())


def test_the_files_are_for_their_owner_only_and_the_password_is_kept(tmp_path):
    folders = _folders(tmp_path)
    SCRIPT["make"](*folders)
    password = (tmp_path / "credentials" / "admin.password").read_text()
    SCRIPT["make"](*folders)
    assert (tmp_path / "credentials" / "admin.password").read_text() == password
    line = (tmp_path / "kafka" / "format-arguments").read_text()
    assert f"[name=admin,password={password.strip()}]" in line
    found = [Path(at) / name for at, _, names in os.walk(tmp_path) for name in names]
    secret = [file for file in found if file.suffix != ".pem" or file.name == "keystore.pem"]
    assert {"ca.key", "broker.key", "gateway.key", "keystore.pem"} <= {file.name for file in secret}
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}


def _folders(tmp_path):
    folders = [tmp_path / name for name in ("authority", "credentials", "kafka", "door")]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return folders
