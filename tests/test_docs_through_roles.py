"""C37: what the documents show to publish goes through all roles to a reader."""

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from gatewaying import Behind, settings_of
from htcds_sheets import ROW, write

from broker.client import Publisher
from broker.errors import SettingsInvalid
from broker.testing import make_alert
from broker.wire.tail import read_to_end

ROOT = Path(__file__).parents[1]
LALI = (sys.executable, "-m", "broker")
pytestmark = pytest.mark.kafka


def _block(page: str, language: str, number: int = 0) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return found[number]


@pytest.fixture
async def behind(kafka, tmp_path):
    prefix = f"t{uuid.uuid4().hex[:8]}."
    settings = settings_of(kafka, prefix, tmp_path / "data", protection="required")
    async with Behind(settings) as running:
        yield running


def _environment(behind, **more):
    settings = behind.settings
    return os.environ | {
        "LALI_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "LALI_TOPIC_PREFIX": settings.topic_prefix,
        "LALI_PARTITIONS": str(settings.partitions),
        "LALI_PROTECTION": "required",
        "LALI_DATA_FOLDER": str(settings.data_folder),
        "PYTHONPATH": str(ROOT),
        **more,
    }


async def _run(folder, environment, *words):
    """Run a command as a shell does; return its exit code and what it printed."""
    run = asyncio.to_thread(
        subprocess.run, words, cwd=folder, env=environment, capture_output=True, text=True,
        check=False, timeout=180,
    )  # fmt: skip
    done = await run
    return done.returncode, done.stdout, done.stderr


async def _read_somewhere(behind, alert_id):
    """Wait until a feed shows *alert_id*; return what each of its readers is shown."""
    feeds = behind.parts.community.feeds.values()
    async with asyncio.timeout(180):
        while True:
            shown = {}
            for feed in feeds:
                path = f"/v1/feeds/{feed.id}/alerts/{alert_id}"
                status, _, body = await behind.call("GET", path, feed.unit)
                if status == 200:
                    shown[feed.id] = body
            if shown:
                return shown
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_c37_cases_with_the_label_file_of_the_page_reach_a_reader(behind, tmp_path, kind):
    if kind == "csv":
        write(tmp_path / "cases.csv", ROW)
    else:
        _spreadsheet(tmp_path / "cases.xlsx", ROW)
    label = tmp_path / f"cases.{kind}.label.toml"
    label.write_text(_block("docs/publishing.md", "toml"))

    code, out, err = await _run(
        tmp_path, _environment(behind), *LALI, "publish", f"cases.{kind}", "--json"
    )
    assert code == 0, out + err
    (result,) = json.loads(out)["results"]
    assert result["outcome"] == "published"
    shown = await _read_somewhere(behind, result["alert_id"])
    assert any(each["label"]["originator"] == "reef-helpline" for each in shown.values())


def _spreadsheet(path, row):
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(list(row))
    book.active.append(list(row.values()))
    book.save(path)


async def test_c37_the_lines_of_the_readme_reach_a_reader(behind, tmp_path):
    (tmp_path / ".lali" / "api-keys").mkdir(parents=True)
    for unit in ("fiji-immigration", "samoa-tcu"):
        key = behind.headers(unit)["Authorization"].removeprefix("Bearer ")
        (tmp_path / ".lali" / "api-keys" / unit).write_text(key)
    lines = _block("README.md", "sh", 1).replace("http://127.0.0.1:8440", behind.url)
    first, last = lines.rstrip().rsplit("\n", 1)
    environment = {"PATH": "/usr/bin:/bin"}

    code, out, err = await _run(tmp_path, environment, "bash", "-euc", first)
    assert code == 0, err
    alert_id = json.loads(out)["alert_id"]
    await behind.shown(alert_id, "samoa-tcu-investigate", "samoa-tcu")
    _, out, _ = await _run(tmp_path, environment, "bash", "-euc", last)
    assert alert_id in out

    asked = _block("docs/publishing.md", "sh").replace("http://127.0.0.1:8440", behind.url)
    code, out, err = await _run(tmp_path, environment, "bash", "-euc", asked)
    assert code == 0, err
    assert json.loads(out)["feeds"] > 0


async def test_c37_the_commands_of_the_client_page_reach_a_reader(behind, tmp_path):
    program = _block("docs/client.md", "python", 1)
    document = ast.literal_eval(re.search(r"split\(\n(.*?)\n\)\n", program, re.DOTALL)[1])
    (tmp_path / "case.json").write_text(json.dumps(document))
    lines = _block("docs/client.md", "sh").replace("https://gateway.example:8440", behind.url)
    *before, last = [line.split()[1:] for line in lines.splitlines()]
    assert [line[0] for line in before] == ["publish", "journal", "journal"]
    assert last[0] == "subscribe"
    police, tcu = (
        behind.headers(unit)["Authorization"].removeprefix("Bearer ")
        for unit in ("fiji-police", "fiji-tcu")
    )
    for line in before:
        environment = _environment(behind, LALI_API_KEY=police)
        code, out, err = await _run(tmp_path, environment, *LALI, *line)
        assert code == 0, out + err
    environment = _environment(behind, LALI_API_KEY=tcu)
    with (tmp_path / "said").open("wb") as said:
        reader = await asyncio.create_subprocess_exec(
            *LALI, *last, "--from-start", cwd=tmp_path, env=environment, stdout=said, stderr=said
        )
    try:
        for _ in range(900):
            if "originator: fiji-police" in (shown := (tmp_path / "said").read_text()):
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail(shown)
    finally:
        reader.terminate()
        await asyncio.wait_for(reader.wait(), 60)
    assert (tmp_path / "desk.position").exists()


async def test_c37_a_protected_hub_is_asked_before_anything_goes_to_it_open(behind, tmp_path):
    alert = make_alert(originator="fiji-police")
    connection, topics = behind.parts.connection("test"), behind.parts.topics
    with pytest.raises(SettingsInvalid, match="SIGNATURE_MISSING: this hub requires protection"):
        async with Publisher(connection, "fiji-police", topics=topics, unprotected=True) as one:
            await one.publish(alert)

    (tmp_path / "case.json").write_text(_block("docs/publishing.md", "json"))
    environment = _environment(behind, LALI_PROTECTION="off")
    for words in (["publish", "case.json", "--json"], ["simulate", "--alerts", "2", "--publish"]):
        code, out, err = await _run(tmp_path, environment, *LALI, *words)
        assert code != 0
        assert "SIGNATURE_MISSING" in out + err
    written = [each async for each in read_to_end(connection, [topics.intake("fiji-police")])]
    assert written == []
