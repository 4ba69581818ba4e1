"""docker-compose.yml agrees with the code it runs; live where a Docker engine answers."""

import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from broker.app import ROLES
from broker.cluster.jars import kafka_version
from broker.policy.directory import read_directory, with_connectors
from broker.resources import shipped
from broker.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "kafka"}
KAFKA = SERVICES["kafka"]
CONNECTORS = tomllib.loads((ROOT / "deploy" / "docker" / "connectors.toml").read_text())


def default_of(text):
    """Return *text* as Compose reads it where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_kafka_is_the_version_that_the_jars_are():
    assert default_of(KAFKA["image"]) == f"apache/kafka:{kafka_version()}"


def test_there_is_a_service_for_every_role_and_each_runs_its_own():
    commands = {name: service["command"] for name, service in OURS.items()}
    running = {name: command for name, command in commands.items() if command[0] == "run"}
    assert running == {role: ["run", role] for role in ROLES}
    assert commands["topics"] == ["topics", "apply"]
    for role in ROLES:
        assert SERVICES[role]["healthcheck"]["test"][-1] == role


def test_every_setting_that_a_service_is_given_exists():
    known = {f"LALI_{name.upper()}" for name in Settings.model_fields}
    for service in OURS.values():
        given = set(service["environment"])
        assert given
        assert given <= known


def test_the_settings_are_taken_as_they_stand(monkeypatch):
    for name, value in SERVICES["route"]["environment"].items():
        monkeypatch.setenv(name, default_of(str(value)))
    settings = Settings()
    _, _, port = settings.bootstrap_servers.partition(":")
    assert f"INSIDE://:{port}" in KAFKA["environment"]["KAFKA_LISTENERS"].split(",")


def test_keys_are_made_once_and_shared_by_those_who_sign_seal_or_open():
    assert SERVICES["keys"]["command"] == ["keys", "init", "--development"]
    for name, service in OURS.items():
        has = f"keys:{service['environment']['LALI_KEYS']}" in service["volumes"]
        assert has == (name in {"keys", *ROLES})
    for role in ROLES:
        after = SERVICES[role]["depends_on"]["keys"]
        assert after == {"condition": "service_completed_successfully"}


def test_ports_are_published_to_this_machine_only():
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert {name: list(map(default_of, ports)) for name, ports in published.items() if ports} == {
        "kafka": ["127.0.0.1:9092:9092"],
        "gateway": ["127.0.0.1:8440:8440"],
    }
    assert all("network_mode" not in service for service in SERVICES.values())


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_of_ours_has_few_rights(name):
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["pids_limit"]
    assert service["mem_limit"]
    assert not {"privileged", "user", "cap_add", "devices", "pid", "ipc"} & set(service)


def test_the_image_runs_as_a_user_that_is_not_root():
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    stage = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in stage if line.startswith("USER ")]
    assert len(users) == 1
    user, _, group = users[0].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert not any(line.startswith("RUN ") for line in stage[stage.index(f"USER {users[0]}") :])


def test_nothing_of_the_machine_is_mounted_but_the_connectors_file_to_be_read():
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source, target, *mode = default_of(mount).split(":")
            if source not in COMPOSE["volumes"]:
                assert source == "./deploy/docker/connectors.toml"
                assert (target, mode) == (service["environment"]["LALI_CONNECTORS"], ["ro"])
                assert (ROOT / source).is_file()


def test_the_folders_that_partners_collect_from_are_made_before_deliver_starts():
    made = set(SERVICES["folders"]["command"])
    assert {each["settings"]["folder"] for each in CONNECTORS.values()} == made
    assert SERVICES["deliver"]["depends_on"]["folders"] == {
        "condition": "service_completed_successfully"
    }
    kept = {mount.split(":")[1] for mount in SERVICES["deliver"]["volumes"] if ":/var" in mount}
    assert all(any(folder.startswith(f"{root}/") for root in kept) for folder in made)


def test_11_24_only_deliver_has_what_partners_collect():
    has = {
        name
        for name, service in OURS.items()
        if any(mount.startswith("deliveries:") for mount in service["volumes"])
    }
    assert has == {"folders", "deliver"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_12_10_the_log_of_a_container_and_its_processes_are_bounded(name):
    logging = SERVICES[name]["logging"]
    assert logging["driver"] == "json-file"
    assert set(logging["options"]) == {"max-size", "max-file"}
    assert SERVICES[name]["pids_limit"]


def test_every_connector_is_for_a_feed_of_the_shipped_bundle():
    community = read_directory(shipped("policies") / "pacific" / "community.toml")
    connected = with_connectors(community, CONNECTORS)
    assert {f.id for f in connected.feeds.values() if f.connector} >= set(CONNECTORS)


def test_roles_wait_for_topics_and_topics_for_kafka():
    for role in ROLES:
        after = SERVICES[role]["depends_on"]["topics"]
        assert after == {"condition": "service_completed_successfully"}
    assert SERVICES["topics"]["depends_on"]["kafka"] == {"condition": "service_healthy"}
    assert KAFKA["healthcheck"]["test"]


@pytest.mark.docker
def test_the_engine_takes_the_file():
    compose = _compose()
    done = subprocess.run(
        [*compose, "config", "--services"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(SERVICES)


def _compose():
    docker = shutil.which("docker")
    if docker is None or _fails(docker, "info"):
        pytest.skip("not run: no Docker engine answers")
    for words in ([docker, "compose"], ["docker-compose"]):
        if shutil.which(words[0]) and not _fails(*words, "version"):
            return words
    pytest.skip("not run: there is no Docker Compose")


def _fails(*words):
    return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode


def test_an_image_gets_what_lali_needs_of_the_lock_and_no_tool_of_development():
    script = runpy.run_path(str(ROOT / "deploy" / "docker" / "runtime_lock.py"))
    written = script["RUNTIME"].read_text()

    assert written == script["runtime_lock"](), "run deploy/docker/runtime_lock.py"
    locked, kept = script["entries"](script["LOCK"].read_text()), script["entries"](written)
    assert kept.items() <= locked.items()
    assert all("--hash=sha256:" in entry for entry in kept.values())
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[<>=;]", each)[0] for each in dependencies} <= kept.keys()
    assert not {"pytest", "ruff", "playwright", "atheris"} & kept.keys()


def test_the_build_sees_everything_that_it_copies():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    seen = [line.removeprefix("!") for line in lines if line.startswith("!")]
    copied = []
    for line in (ROOT / "deploy" / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and not line.startswith("COPY --from"):
            copied += line.split()[1:-1]

    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(source == each or source.startswith(f"{each}/") for each in seen), source
