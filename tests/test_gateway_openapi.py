"""Schemathesis against a running gateway: what OpenAPI says is what is taken and answered."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from doorways import Doorway
from faults.selection import WHOLE
from gatewaying import ORIGINATOR

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

CONFIG = Path(__file__).with_name("schemathesis.toml")
#: Cases in all: with fewer the run proves too little.
#: Two thousand in `make faults`.
LEAST_CASES = 2000 if WHOLE else 500
_SEED = 4
_CASES = re.compile(r"(\d+) generated")


@pytest.fixture(scope="module")
def doorway(kafka, tmp_path_factory):
    with Doorway(kafka, tmp_path_factory.mktemp("gateway"), gateway_streams=4) as it:
        it.run(it.behind.publish())
        yield it


def schemathesis(doorway, folder, document, *options):
    """Run all checks; return whether they passed, how many cases there were, and the report."""
    authorization = doorway.behind.headers(ORIGINATOR)["Authorization"]
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG),
        "run", document, "--url", doorway.url, "--header", f"Authorization: {authorization}",
        "--checks", "all", "--continue-on-failure", "--no-shrink", "--seed", str(_SEED),
        *options,
    ]  # fmt: skip
    folder.mkdir()
    hooks = {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(CONFIG.parent)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=os.environ | hooks
    )
    cases = sum(map(int, _CASES.findall(done.stdout)))
    return done.returncode == 0, cases, done.stdout + done.stderr


def test_no_check_of_schemathesis_fails(doorway, tmp_path, say):
    parts = {
        "alerts": ("--include-path-regex", "^/v1/alerts", "-n", "110" if WHOLE else "28"),
        "others": ("--exclude-path-regex", "^/v1/alerts", "-n", "24" if WHOLE else "6"),
    }
    document = doorway.url + "/openapi.json"
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(schemathesis, doorway, tmp_path / name, document, *options)
            for name, options in parts.items()
        ]
    passed, cases, said = zip(*(run.result() for run in runs), strict=True)
    text = "\n".join(line[:400] for line in "\n".join(said).splitlines())
    say(f"schemathesis: {cases} cases")
    assert all(passed), text
    assert sum(cases) >= LEAST_CASES, text


def test_a_gateway_that_says_one_thing_and_does_another_is_found_out(doorway, tmp_path, say):
    document = json.loads(doorway.run(_document(doorway)))
    asked = document["paths"]["/v1/feeds/{feed}"]["get"]["parameters"]
    limit = next(each for each in asked if each["name"] == "limit")
    limit["schema"] = {"type": "integer", "minimum": 1, "maximum": 100_000}
    lying = tmp_path / "openapi.json"
    lying.write_text(json.dumps(document))
    options = ("--include-path", "/v1/feeds/{feed}", "-n", "30")
    passed, cases, said = schemathesis(doorway, tmp_path / "run", str(lying), *options)
    assert cases
    assert not passed
    assert "Schema-valid request rejected" in said


async def _document(doorway):
    async with doorway.behind.session.get(doorway.url + "/openapi.json") as answer:
        return await answer.text()
