"""C39: what README says of Compose brings a newcomer a key, and content to a reader by HTTP.

The services of docker-compose.yml run as processes of this machine, with their own commands and
settings; in the words of README only `docker` is another: it runs a command where the container
would. Whether the containers themselves come up, deploy/docker/prove.sh shows.
"""

import asyncio
import json
import os
import re
import sys
import uuid
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
LALI = (sys.executable, "-m", "broker")

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


def _words():
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (found,) = [block for block in blocks if "docker compose up" in block]
    return found


def _docker(folder, environment):
    """Make a `docker` that runs what README runs in the gateway's container beside it."""
    settings = "".join(f"export {name}={text!r}\n" for name, text in environment.items())
    script = f"""#!/bin/bash
if [ "$*" = "compose up -d --build" ]; then exit 0; fi
if [ "$1 $2 $3 $4 $5" != "compose exec -T gateway lali" ]; then exit 9; fi
shift 5
{settings}exec {" ".join(LALI)} "$@"
"""
    (folder / "docker").write_text(script)
    (folder / "docker").chmod(0o700)


@pytest.fixture
def site(kafka, tmp_path, unused_tcp_port):
    """Return the settings of a service, as its container has them."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    here = {
        "LALI_BOOTSTRAP_SERVERS": kafka,
        "LALI_GATEWAY_HOST": "127.0.0.1",
        "LALI_CONNECTORS": str(ROOT / "deploy" / "docker" / "connectors.toml"),
        "/var/lib/lali-keys": str(tmp_path / "keys"),
        "/var/lib/lali-gateway": str(tmp_path / "gateway"),
    }

    def settings(service):
        given = {
            name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))
            for name, text in SERVICES[service]["environment"].items()
        }
        placed = {name: here.get(name, here.get(text, text)) for name, text in given.items()}
        port = {"LALI_GATEWAY_PORT": str(unused_tcp_port)} if service == "gateway" else {}
        return placed | port | {"LALI_TOPIC_PREFIX": prefix, "PYTHONPATH": str(ROOT)}

    return settings


async def _run(service, site, folder):
    """Start what a service runs."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith("LALI_")}
    return await asyncio.create_subprocess_exec(
        *LALI, *SERVICES[service]["command"], cwd=folder, env=ours | site(service),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def _shell(text, path, folder):
    child = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", text, cwd=folder,
        env={"PATH": f"{path}:/usr/bin:/bin", "HOME": str(folder)}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(child.communicate(), 240)
    return child.returncode, out.decode(), err.decode()


async def test_c39_the_words_of_readme_for_compose_bring_content_to_a_reader(
    site, tmp_path, unused_tcp_port
):
    (tmp_path / "bin").mkdir()
    _docker(tmp_path / "bin", site("gateway"))
    for service in ("keys", "topics"):
        ended = await _run(service, site, tmp_path)
        assert await asyncio.wait_for(ended.wait(), 180) == 0
    running = [await _run(role, site, tmp_path) for role in ("accept", "route", "gateway")]
    words = _words().replace(":8440", f":{unused_tcp_port}").rstrip()
    before, publish, read = words.rsplit("\n", 2)
    url = f"http://127.0.0.1:{unused_tcp_port}/readyz"
    ready = f"until curl -sf {url}; do sleep 0.3; done >/dev/null"
    awaited = f"page=; until grep -q SYNTHETIC <<<$page; do sleep 0.3; page=$({read}); done"
    try:
        script = f'{before}\n{ready}\n{publish}\necho\n{awaited}\necho "$page"'
        code, out, err = await _shell(script, tmp_path / "bin", tmp_path)
    finally:
        for each in running:
            if each.returncode is None:
                each.terminate()
        await asyncio.wait_for(asyncio.gather(*(each.wait() for each in running)), 120)

    assert code == 0, err
    published, page = (json.loads(line) for line in out.strip().splitlines())
    (item,) = page["items"]
    assert item["alert_id"] == published["alert_id"]
    assert item["sealed"] is False
    assert item["compartments"]["summary"]["headline"].startswith("SYNTHETIC")


def test_c39_the_keys_that_readme_makes_may_be_made(tmp_path, lali, monkeypatch):
    """The command's own help said that rights need not be given."""
    monkeypatch.setenv("LALI_DATA_FOLDER", str(tmp_path))
    made = re.findall(r"lali (gateway key add [^)]*)\)", _words())
    assert len(made) == 2
    for words in made:
        code, out, err = lali(*words.split())
        assert (code, out.startswith("lali_")) == (0, True), err
    code, _, err = lali("gateway", "key", "add", "--unit", "samoa-tcu", "--days", "30")
    assert code == 2
    assert "read,acknowledge" in err
