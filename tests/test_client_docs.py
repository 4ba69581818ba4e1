"""The program in docs/client.md runs, on a real Kafka."""

import asyncio
import json
import os
import re
import sys
import uuid
from pathlib import Path

import pytest
from gatewaying import Behind, settings_of

from broker.client import Publisher
from broker.errors import SettingsInvalid
from broker.pipeline.publish import split
from broker.wire.connection import Connection
from connectors.intake.label_file import read_label_file
from connectors.intake.lali_json import parse

DOCS = Path(__file__).parents[1] / "docs"


def _block(page: str, language: str, number: int = 0) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return found[number]


@pytest.mark.kafka
async def test_c37_the_program_of_the_client_page_reaches_a_reader(kafka, tmp_path):
    """C37: it said "published", and its alert ended in quarantine as SIGNATURE_MISSING."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    (tmp_path / "program.py").write_text(_block("client.md", "python"))
    settings = settings_of(kafka, prefix, tmp_path / "data", protection="required")
    reach = {
        "LALI_BOOTSTRAP_SERVERS": kafka,
        "LALI_TOPIC_PREFIX": prefix,
        "LALI_PROTECTION": "required",
        "LALI_KEYS": str(settings.key_folder()),
        "PYTHONPATH": str(DOCS.parent),
    }
    async with Behind(settings):
        published, released = [], []
        async with asyncio.timeout(200):
            while not set(published) & set(released):  # it may read before route has written
                said = await _run_program(tmp_path, reach)
                assert said[:1] == ["published"]
                published.append(said[1])
                released += said[4::3] if said[3:] else []


async def _run_program(folder, reach):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "program.py", cwd=folder, env=os.environ | reach,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(child.communicate(), 120)
    assert child.returncode == 0
    return out.decode().split()


@pytest.mark.kafka
async def test_c37_the_documents_of_the_publishing_page_reach_a_reader(kafka, tmp_path):
    """C37: the example in JSON is published as the page says, through all roles."""
    settings = settings_of(
        kafka, f"t{uuid.uuid4().hex[:8]}.", tmp_path / "data", protection="required"
    )
    document = json.loads(_block("publishing.md", "json"))
    async with Behind(settings) as behind:
        unit = document["label"]["originator"]
        status, _, body = await behind.call("POST", "/v1/alerts", unit, json=document)
        assert status == 202, body
        feeds = behind.parts.community.feeds
        async with asyncio.timeout(120):
            while not await _readers(behind, feeds, body["alert_id"]):  # noqa: ASYNC110
                await asyncio.sleep(0.3)


async def _readers(behind, feeds, alert_id):
    readers = []
    for feed in feeds.values():
        status, _, _ = await behind.call("GET", f"/v1/feeds/{feed.id}/alerts/{alert_id}", feed.unit)
        if status == 200:
            readers.append(feed.id)
    return readers


@pytest.mark.parametrize("where", [{}, {"salt_key": bytes(32)}])
def test_c37_a_publisher_without_seal_is_refused_before_it_sends(where):
    with pytest.raises(SettingsInvalid, match="SIGNATURE_MISSING"):
        Publisher(Connection("127.0.0.1:1"), "fiji-police", **where)


@pytest.mark.kafka
async def test_the_program_over_http_runs(kafka, tmp_path):
    prefix = f"t{uuid.uuid4().hex[:8]}."
    (tmp_path / "program.py").write_text(_block("client.md", "python", 1))
    (tmp_path / "keys").mkdir()
    settings = settings_of(kafka, prefix, tmp_path / "data", protection="required")
    async with Behind(settings) as behind:
        for unit in ("fiji-police", "fiji-tcu"):
            file = tmp_path / "keys" / f"{unit}.api-key"
            file.write_text(behind.headers(unit)["Authorization"].removeprefix("Bearer "))
            file.chmod(0o600)
        reach = {"GATEWAY": behind.url, "PYTHONPATH": str(DOCS.parent)}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "program.py", cwd=tmp_path, env=os.environ | reach,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(child.communicate(), 120)

    said = out.decode().split()
    assert said[:4] == ["would", "reach", "True", "published"]
    alert_id = said[4]
    assert said[5:] == ["1", "release", alert_id, "1"]
    assert (tmp_path / "case-system.position").exists()


def test_the_document_of_the_publishing_page_is_an_alert():
    alert = split(parse(_block("publishing.md", "json").encode()))

    assert [person.pid for person in alert.compartments.victims.persons] == ["p1"]
    assert alert.compartments.victims.persons[0].documents[0].flags == ("HELD_BY_OTHER",)


def test_the_label_file_of_the_publishing_page_is_one(tmp_path):
    (tmp_path / "cases.csv.label.toml").write_text(_block("publishing.md", "toml"))

    assert split(read_label_file(tmp_path / "cases.csv.label.toml")).label.tlp == "AMBER"
