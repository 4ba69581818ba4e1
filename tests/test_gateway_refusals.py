"""What cannot be published is refused by code and path; no value and no name is repeated."""

import copy
import gzip
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
import structlog
from alert_sending import AVRO, AVRO_BATCH, CANARY, send
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.testing import make_compartments

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        yield it


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "JSON_SYNTAX"),
        (b"{", 422, "JSON_SYNTAX"),
        (b"[]", 422, "EMPTY"),
        (b"null", 422, "FIELD_INVALID"),
        (b'{"label":{},"label":{}}', 422, "DUPLICATE_KEY"),
        (b'{"label":{"tlp":NaN}}', 422, "NOT_FINITE"),
        (b'\xff{"label":{}}', 422, "NOT_UTF8"),
        (b'"\\ud800"', 422, "NOT_UTF8"),
        (b"[" * 100, 422, "DEPTH"),
        (b'{"label":' + b"[" * 40 + b"]" * 40 + b"}", 422, "DEPTH"),
        (b"[" + b"{}," * 1000 + b"{}]", 413, "ITEMS"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_whole(behind, body, status, code):
    found, headers, said = await send(behind, body)
    assert (found, said["code"]) == (status, code)
    assert headers["Content-Type"] == "application/problem+json"
    assert said["type"] == f"urn:lali:problem:{code}"


@pytest.mark.parametrize(
    ("media_type", "headers", "status", "code"),
    [
        ("text/plain", {}, 415, "MEDIA_TYPE_UNKNOWN"),
        ("application/json", {"Content-Encoding": "br"}, 415, "CODING_UNKNOWN"),
        ("application/json", {"Content-Encoding": "gzip"}, 400, "CODING_BROKEN"),
        (AVRO, {}, 422, "FRAMING"),
        (AVRO_BATCH, {}, 422, "OVERSIZED"),
    ],
)
async def test_forms_that_hold_no_alerts_are_refused(behind, media_type, headers, status, code):
    found, _, said = await send(behind, draft(), media_type, **headers)
    assert (found, said["code"]) == (status, code)


async def test_what_is_too_large_is_refused_compressed_or_not(behind):
    large = json.dumps(draft() | {"pad": "x" * behind.settings.gateway_body_bytes}).encode()
    for body, headers in ((large, {}), (gzip.compress(large), {"Content-Encoding": "gzip"})):
        # The gateway does not read on, so nobody else may come by this connection.
        status, _, said = await send(behind, body, Connection="close", **headers)
        assert (status, said["code"]) == (413, "OVERSIZED")


async def test_a_bomb_costs_no_memory(behind):
    bomb = gzip.compress(b"0" * 200_000_000)
    status, _, said = await send(behind, bomb, **{"Content-Encoding": "gzip"})
    assert (status, said["code"]) == (413, "OVERSIZED")


async def test_another_unit_cannot_be_named_as_originator(behind):
    status, _, said = await send(behind, draft(originator="samoa-police"))
    assert (status, said["code"]) == (422, "ORIGINATOR_DIFFERS")
    assert said["errors"] == [{"path": "label.originator", "code": "ORIGINATOR_DIFFERS"}]


async def test_what_has_expired_is_refused_while_it_can_be_mended(behind):
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    status, _, said = await send(behind, draft(originator=ORIGINATOR, expires_at=past))
    assert (status, said["code"]) == (422, "EXPIRED_ON_ARRIVAL")


def whole_draft():
    label = draft(originator=ORIGINATOR)["label"]
    distribution = {
        "releasable_to": [UNIT_OF_FEED],
        "not_releasable_to": ["tonga-tcu"],
        "named_recipients": [UNIT_OF_FEED],
        "consent_scope": ["POLICE"],
        "onward": "ASK",
        "legal_basis": "MEMORANDUM",
        "retention_class": "YEARS_5",
    }
    return {
        "label": label,
        "distribution": distribution,
        "compartments": make_compartments(),
    }


def places(value, path=()):
    """Yield the path of everything in a document that is no container."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))
    else:
        yield path


def planted(document, path, value):
    changed = copy.deepcopy(document)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


PLANTS = ({CANARY: CANARY}, CANARY + "\n\x1b[31m" + CANARY)
PLANTS_IN_BATCH = ([[CANARY]], CANARY * 1000)


async def test_no_refusal_and_no_log_repeats_a_value_or_a_name(behind, caplog):
    whole = whole_draft()
    assert (await send(behind, whole))[0] == 202
    refused = 0
    with structlog.testing.capture_logs() as logs:
        for path in sorted(set(places(whole)), key=str):
            for plant in PLANTS:
                status, headers, said = await send(behind, planted(whole, path, plant))
                assert status in (202, 413, 422), (path, said)
                assert CANARY not in json.dumps(said) + str(headers), (path, plant)
                refused += status != 202
        for plant in PLANTS_IN_BATCH:
            batch = [planted(whole, path, plant) for path in places(whole)]
            status, headers, said = await send(behind, batch)
            assert status == 207
            assert CANARY not in json.dumps(said) + str(headers), plant
            refused += said["refused"]
        for name in (CANARY, "label\n" + CANARY):
            for outer in ("label", "distribution", "compartments"):
                await send(behind, planted(whole, (outer, name), 1))
            status, _, said = await send(behind, {**whole, name: 1})
            assert status == 422
            assert CANARY not in json.dumps(said)
    assert refused > 300
    assert CANARY not in repr(logs)
    assert CANARY not in caplog.text


async def test_a_query_a_header_or_a_path_is_not_repeated_either(behind, caplog):
    with structlog.testing.capture_logs() as logs:
        for method, path, headers in (
            ("GET", f"/v1/feeds/{CANARY}", {}),
            ("GET", f"/v1/feeds/{FEED}?limit={CANARY}&urgency={CANARY}&since={CANARY}", {}),
            ("GET", f"/v1/feeds/{FEED}?cursor={CANARY}", {}),
            ("GET", f"/v1/alerts/{CANARY}", {}),
            ("GET", f"/{CANARY}", {}),
            ("POST", "/v1/alerts", {"Idempotency-Key": CANARY + " é"}),
            ("POST", "/v1/alerts", {"Content-Type": CANARY}),
            ("POST", "/v1/alerts", {"Content-Encoding": CANARY}),
            ("GET", f"/v1/feeds/{FEED}/stream", {"Last-Event-ID": CANARY}),
            ("GET", "/v1/feeds", {"Authorization": f"Bearer {CANARY}"}),
        ):
            status, told, said = await behind.call(method, path, UNIT_OF_FEED, headers=headers)
            assert 400 <= status < 500, (path, status)
            assert CANARY not in json.dumps(said) + str(told), path
    assert CANARY not in repr(logs) + caplog.text
