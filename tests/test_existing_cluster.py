"""C39: what README says of a Kafka that is there already brings content to a reader."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import yaml

from broker.protect.key_folder import KeyFolder

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def _block(containing):
    (found,) = [b for b in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if containing in b]
    return [line for line in found.splitlines() if line]


def _lali(line):
    return [sys.executable, "-m", "broker", *shlex.split(line)[1:]]


@pytest.fixture
def where(kafka, tmp_path, unused_tcp_port):
    return {
        **os.environ,
        "LALI_BOOTSTRAP_SERVERS": kafka,
        "LALI_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}.",
        "LALI_PARTITIONS": "1",
        "LALI_PROTECTION": "required",
        "LALI_GATEWAY_PORT": str(unused_tcp_port),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def unused_tcp_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.kafka
def test_c39_up_says_what_to_do_before_it_says_that_it_is_up(where, tmp_path):
    """C39: it said "Lali is up", and stopped at the missing register."""
    ran = subprocess.run(
        _lali("lali up"), cwd=tmp_path, env=where, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip

    assert ran.returncode == 2
    assert "lali keys init --development" in ran.stderr
    assert "Lali is up" not in ran.stderr


@pytest.mark.kafka
async def test_c39_the_lines_of_readme_bring_content_to_a_reader_by_http(where, tmp_path):
    export, init, up = _block("keys init --development")
    assert export.startswith("export LALI_BOOTSTRAP_SERVERS=")
    await asyncio.to_thread(subprocess.run, _lali(init), cwd=tmp_path, env=where, check=True)
    process = await asyncio.create_subprocess_exec(
        *_lali(up), cwd=tmp_path, env=where, stderr=asyncio.subprocess.PIPE
    )
    try:
        said = await asyncio.wait_for(process.stderr.readuntil(b"Lali is up"), 120)
        assert said
        port = where["LALI_GATEWAY_PORT"]
        export, publish, read = (line.replace("8440", port) for line in _block("export KEY"))
        draining = asyncio.create_task(process.stderr.read())
        async with asyncio.timeout(240):
            answer = {}
            while "alert_id" not in answer:
                answer = await _shell(f"{export}\n{publish}", tmp_path)
            page = {}
            while not page.get("items"):
                page = await _shell(read, tmp_path)
        (item,) = page["items"]
        assert item["sealed"] is False
        assert item["compartments"]["summary"]["headline"].startswith("SYNTHETIC")
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 60)
        draining.cancel()


async def _shell(line, folder):
    run = await asyncio.create_subprocess_shell(line, cwd=folder, stdout=asyncio.subprocess.PIPE)
    out, _ = await run.communicate()
    await asyncio.sleep(0.3)
    return json.loads(out) if out else {}


def test_c39_docker_compose_makes_the_keys_in_the_same_way(tmp_path, lali, monkeypatch):
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    command = compose["services"]["keys"]["command"]
    monkeypatch.setenv("LALI_PROTECTION", "required")
    monkeypatch.setenv("LALI_KEYS", str(tmp_path / "keys"))

    assert lali(*command)[0] == 0

    feeds = [k for k in KeyFolder(tmp_path / "keys").register().keys if k.holder == "FEED"]
    assert feeds
    assert all(key.entrusted for key in feeds)


def test_c39_feeds_that_are_not_named_keep_their_keys_from_the_hub(tmp_path, lali, monkeypatch):
    monkeypatch.setenv("LALI_PROTECTION", "required")
    monkeypatch.setenv("LALI_KEYS", str(tmp_path / "keys"))
    assert lali("keys", "init", "--development", "--entrusted", "nobody")[0] == 2

    assert lali("keys", "init", "--development", "--entrusted", "samoa-tcu-investigate")[0] == 0

    keys = KeyFolder(tmp_path / "keys").register().keys
    assert {key.owner for key in keys if key.entrusted} == {"samoa-tcu-investigate"}
