"""The program in docs/client.md runs, on a real Kafka."""

import asyncio
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from gatewaying import Behind, settings_of

from broker.pipeline.publish import split
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import decode_alert
from broker.wire.tail import read_to_end
from connectors.intake.label_file import read_label_file
from connectors.intake.lali_json import parse

DOCS = Path(__file__).parents[1] / "docs"


def _block(page: str, language: str, number: int = 0) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return found[number]


@pytest.mark.kafka
def test_the_program_of_the_client_page_runs(connection, topics, tmp_path):
    specs = topics.specs(["fiji-police"], ["fiji-tcu-investigate"])
    asyncio.run(apply_topics(connection, specs))
    (tmp_path / "program.py").write_text(_block("client.md", "python"))
    reach = {
        "LALI_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "LALI_TOPIC_PREFIX": topics.prefix,
        "PYTHONPATH": str(DOCS.parent),
    }

    ran = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=os.environ | reach,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )

    (record,) = asyncio.run(_intake(connection, topics))
    alert = decode_alert(record.value)
    assert ran.stdout.split() == ["published", str(alert.label.alert_id), "1"]
    assert alert.compartments.victims.persons[0].names == ("Jone Specimen",)


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


async def _intake(connection, topics):
    return [r async for r in read_to_end(connection, [topics.intake("fiji-police")])]
