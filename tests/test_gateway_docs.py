"""The lines of curl in docs/http.md, and the examples of OpenAPI, work on a running gateway."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from doorways import Doorway
from gatewaying import ORIGINATOR, UNIT_OF_FEED

from broker.gateway.examples import ALERT_ID

pytestmark = pytest.mark.kafka

PAGE = Path(__file__).parents[1] / "docs" / "http.md"
_BLOCK = re.compile(r"```(sh|json)\n(.*?)```", re.DOTALL)
_ANSWER = "--- answer"


@pytest.fixture(scope="module")
def doorway(kafka, tmp_path_factory):
    with Doorway(kafka, tmp_path_factory.mktemp("gateway")) as it:
        yield it


def blocks():
    """Return each piece of shell, and the answer that the page shows behind it."""
    found = _BLOCK.findall(PAGE.read_text())
    pairs = []
    for (kind, text), (after, answer) in zip(found, [*found[1:], ("", "")], strict=True):
        if kind == "sh":
            pairs.append((text, json.loads(answer) if after == "json" else None))
    return pairs


def shape(value):
    """Return what a document consists of, without its values; an empty list may hold anything."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def is_like(shown, given) -> bool:
    if isinstance(shown, dict) and isinstance(given, dict):
        return all(name in given and is_like(shown[name], given[name]) for name in shown)
    if isinstance(shown, list) and isinstance(given, list):
        return all(is_like(a, b) for a, b in zip(shown, given, strict=False))
    return shown == given


def test_every_line_of_the_page_works_and_answers_as_it_says(doorway, tmp_path):
    (tmp_path / "keys").mkdir()
    for unit in (ORIGINATOR, UNIT_OF_FEED):
        key = doorway.behind.headers(unit)["Authorization"].removeprefix("Bearer ")
        (tmp_path / "keys" / unit).write_text(key)
    pairs = blocks()
    assert len(pairs) >= 10
    # One shell for all of them, as a reader has. What was published is waited for in between.
    wait = (
        'for _ in $(seq 300); do grep -q "$ALERT" <(curl -s -H "$READER" '
        '"$LALI/v1/feeds/samoa-tcu-investigate?limit=500") && break; sleep 0.2; done\n'
    )
    script = "set -euo pipefail\n"
    for text, _ in pairs:
        script += f'{text}\necho "\n{_ANSWER}"\n'
        if "ALERT=$(" in text:
            script += wait
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "LALI": doorway.url}, capture_output=True,
        text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split(_ANSWER)[:-1]
    assert len(answers) == len(pairs)
    for (text, shown), answer in zip(pairs, answers, strict=True):
        assert '"code":"INTERNAL"' not in answer
        if shown is not None:
            given = json.loads(answer)
            assert is_like(shape(shown), shape(given)), (text, given)
        elif "curl" in text:
            assert "urn:lali:problem" not in answer, (text, answer)
    stream = next(a for (text, _), a in zip(pairs, answers, strict=True) if "/stream" in text)
    assert "id: " in stream
    assert "event: release" in stream


def examples(document):
    """Yield (path, method, media type, example) of every request body."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            for media_type, described in content.items():
                if "example" in described:
                    yield path, method, media_type, described["example"]
                for each in described.get("examples", {}).values():
                    yield path, method, media_type, each["value"]


def answered(document):
    """Yield (path, method, status, example) of every answer that shows one."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation.get("responses", {}).items():
                shown = response.get("content", {}).get("application/json", {})
                if "example" in shown:
                    yield path, method, status, shown["example"]


def test_every_example_of_openapi_is_taken_and_its_answer_is_like_the_one_shown(doorway):
    behind = doorway.behind
    alert_id = doorway.run(behind.publish())
    doorway.run(behind.shown(alert_id))
    _, _, document = doorway.run(behind.call("GET", "/openapi.json"))
    shown = {(path, method): example for path, method, _, example in answered(document)}
    tried = set()
    for path, method, media_type, example in examples(document):
        unit = UNIT_OF_FEED if "/feeds/" in path else ORIGINATOR
        feed = "samoa-tcu-investigate"
        address = path.replace("{feed}", feed).replace("{alert_id}", alert_id)
        body = example if isinstance(example, str) else json.dumps(example)
        if feed in address:
            body = body.replace(ALERT_ID, alert_id)
        status, _, answer = doorway.run(
            behind.call(
                method.upper(), address, unit, data=body.encode(),
                headers={"Content-Type": media_type},
            )
        )  # fmt: skip
        assert status in (200, 202), (path, media_type, answer)
        if (path, method) in shown and not isinstance(example, list | str):
            assert is_like(shape(shown[path, method]), shape(answer)) or path.endswith(":preview")
            assert set(shown[path, method]) <= set(answer), path
        tried.add((path, media_type))
    for path in ("/v1/alerts", "/v1/alerts:preview", "/v1/alerts/{alert_id}/consent"):
        assert (path, "application/json") in tried
    assert ("/v1/alerts", "application/x-ndjson") in tried
    assert ("/v1/feeds/{feed}/receipts", "application/json") in tried
    for path, unit in (("/v1/alerts/{alert_id}", ORIGINATOR), ("/v1/feeds", UNIT_OF_FEED)):
        address = path.replace("{alert_id}", alert_id)
        status, _, answer = doorway.run(behind.call("GET", address, unit))
        assert status == 200
        assert is_like(shape(shown[path, "get"]), shape(answer)), answer
