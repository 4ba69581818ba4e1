"""The dry run by HTTP, from a gateway whose Kafka is not there: it is never asked."""

import asyncio
import copy
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import structlog
from gatewaying import Behind, settings_of

from broker.gateway.caller import Right
from broker.gateway.examples import DRAFT
from broker.gateway.identity.serving import server_options
from broker.gateway.preview import MOST_DRAFTS
from broker.gateway.server import Gateway
from broker.model.preview import Preview, PreviewBatch
from broker.pipeline.preview import preview
from broker.pipeline.publish import split
from broker.resources import shipped
from connectors.intake import lali_json

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORIGINATOR = "fiji-immigration"
CANARY = "CANARYNAME"
SAMPLE = lali_json.parse((shipped("schemas") / "alert/samples/fishing-crew.json").read_bytes())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory):
    """A gateway with nothing behind it: no broker listens on port 1."""
    behind = Behind(settings_of("127.0.0.1:1", "none.", tmp_path_factory.mktemp("door")))
    behind.doors = behind._doors()
    behind.gateway = Gateway(behind.doors, server_options(behind.settings))
    serving = asyncio.create_task(behind.gateway.run())
    host, port = await behind.gateway.address()
    behind.url = f"http://{host}:{port}"
    behind.session = aiohttp.ClientSession()
    yield behind
    await behind.session.close()
    behind.gateway.stop()
    await asyncio.wait_for(serving, 60)


def draft(**label):
    """Return the sample as a draft of today."""
    made = copy.deepcopy(dict(SAMPLE))
    now = datetime.now(UTC)
    made["label"] |= {"originated_at": now.isoformat(), "expires_at": str(now + timedelta(days=9))}
    made["label"] |= label
    return made


async def ask(door, body, unit=ORIGINATOR, media_type="application/json", query="", **more):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Type": media_type, **more}
    path = f"/v1/alerts:preview{query}"
    return await door.call("POST", path, unit, data=content, headers=said)


async def test_a_draft_is_answered_as_the_engine_decides(door):
    sent = draft()

    status, headers, body = await ask(door, sent)

    assert status == 200, body
    expected = preview(split(sent), door.doors.decider, door.doors.clock())
    assert Preview.model_validate(body) == expected
    assert expected.feeds == 10
    assert expected.warnings == ()
    assert not door.doors.is_ready  # and Kafka was never reached
    assert "json" in headers["Content-Type"]


async def test_the_documented_draft_gets_an_answer_without_id_originator_and_times(door):
    status, _, body = await ask(door, DRAFT)

    assert status == 200, body
    answer = Preview.model_validate(body)
    assert {row.unit for row in answer.receives if row.unit} >= {"samoa-immigration"}


async def test_several_drafts_are_answered_in_their_order_and_one_refused_stops_none(door):
    wrong = draft(tlp="PURPLE")
    unknown = {**draft(), CANARY: 1}
    status, _, body = await ask(door, [draft(), wrong, draft(tlp="RED"), unknown])

    assert status == 200, body
    first, second, third, fourth = PreviewBatch.model_validate(body).previews
    assert first.preview.feeds == 10
    assert [(each.path, each.code) for each in second.errors] == [("label.tlp", "CODE_UNKNOWN")]
    assert (third.preview.feeds, third.errors) == (0, ())
    assert "REACHES_NOBODY" in {warning.code for warning in third.preview.warnings}
    assert [(each.path, each.code) for each in fourth.errors] == [("?", "FIELD_UNKNOWN")]
    assert CANARY not in json.dumps(body)


async def test_what_the_summary_gives_away_is_pointed_at_and_not_repeated(door):
    sent = draft()
    sent["compartments"]["victims"]["persons"][0]["names"] = ["Kalsakau Testarae"]
    sent["compartments"]["summary"]["headline"] = "TESTARAE, Kalsakau is on board"

    _, _, body = await ask(door, sent)

    assert body["warnings"] == [
        {
            "code": "NAME_IN_SUMMARY",
            "path": "compartments.summary.headline",
            "start": 0,
            "end": 18,
        },
        {
            "code": "VICTIM_NAME_ELSEWHERE",
            "path": "compartments.summary.headline",
            "start": 0,
            "end": 18,
            "confirm": True,
        },
    ]
    assert "estarae" not in json.dumps(body).casefold()


async def test_nothing_of_a_draft_is_logged_or_kept(door):
    good, bad = draft(), draft(tlp=CANARY)
    good["compartments"]["summary"]["headline"] = f"{CANARY} on board"
    good["compartments"]["victims"]["persons"][0]["names"] = [CANARY]

    with structlog.testing.capture_logs() as logs:
        answers = [await ask(door, body) for body in (good, bad, [good, bad])]

    assert [status for status, _, _ in answers] == [200, 422, 200]
    assert CANARY not in str(logs)
    assert CANARY not in str([body for _, _, body in answers])
    kept = [path for path in door.settings.data_folder.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if CANARY.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("body", "status", "errors"),
    [
        (
            draft(originator="samoa-police"),
            422,
            [{"path": "label.originator", "code": "ORIGINATOR_DIFFERS"}],
        ),
        (
            draft(originated_at="2020-01-01T00:00:00Z", expires_at="2020-02-01T00:00:00Z"),
            422,
            [{"path": "label.expires_at", "code": "EXPIRED_ON_ARRIVAL"}],
        ),
        ({"label": {"tlp": "RED"}}, 422, [{"path": "label.source_type", "code": "FIELD_MISSING"}]),
        ({"label": 3}, 422, [{"path": "label", "code": "FIELD_INVALID"}]),
        (b'{"label": {"tlp": 1, "tlp": 2}}', 422, [{"path": "label", "code": "DUPLICATE_KEY"}]),
        (b"{", 422, None),
        (b"", 422, None),
        (b"[]", 422, None),
        (b"3", 422, None),
        (b"[" * 100, 422, None),
        (b"\xff\xfe", 422, None),
        ([{}] * (MOST_DRAFTS + 1), 413, None),
        (b" " * (9 << 20), 413, None),
    ],
    ids=lambda value: "" if not isinstance(value, int) else None,
)  # fmt: skip
async def test_what_publishing_would_refuse_is_refused_with_its_code(door, body, status, errors):
    answered, headers, told = await ask(door, body)

    assert answered == status, told
    assert headers["Content-Type"].startswith("application/problem+json")
    if errors is not None:
        assert told["errors"] == errors


@pytest.mark.parametrize("kind", ["text/plain", "application/x-ndjson", ""])
async def test_only_json_can_be_asked_about(door, kind):
    status, _, body = await ask(door, draft(), media_type=kind)
    assert (status, body["code"]) == (415, "MEDIA_TYPE_UNKNOWN")


async def test_only_who_may_ask_is_answered(door):
    status, _, _ = await ask(door, draft(), unit=None)
    assert status == 401

    reader = door.headers("fiji-immigration", (Right.READ,))
    status, _, forbidden = await door.call(
        "POST", "/v1/alerts:preview", json=draft(), headers=reader
    )
    absent_status, _, absent = await door.call("POST", "/v1/nothing", json={}, headers=reader)
    assert (status, forbidden) == (404, absent)
    assert absent_status == 404


async def test_another_moment_can_be_asked_for(door):
    sent = draft()
    after = datetime.now(UTC) + timedelta(days=2)
    sent["distribution"] = {"embargo_until": (after - timedelta(hours=1)).isoformat()}

    _, _, now = await ask(door, sent)
    status, _, then = await ask(door, sent, query=f"?at={after:%Y-%m-%dT%H:%M:%SZ}")

    assert (status, now["feeds"], then["feeds"]) == (200, 0, 10)
    assert [each["code"] for each in now["warnings"]] == ["EMBARGOED"]

    for at in ("2026-06-01T00:00:00", CANARY, "9999-12-31T23:59:59-14:00"):
        status, _, body = await ask(door, sent, query=f"?at={at}")
        assert (status, [each["path"] for each in body["errors"]]) == (422, ["query.at"])
        assert CANARY not in json.dumps(body)


async def test_civil_society_is_told_classes_and_numbers(door):
    sent = draft(source_type="CIVIL_SOCIETY", consent="NOT_ASKED")
    del sent["label"]["originator"]

    status, _, body = await ask(door, sent, unit="lagoon-house")

    assert status == 200, body
    community = door.doors.community
    others = {
        name
        for feed in community.feeds.values()
        for name in (feed.id, feed.unit)
        if feed.unit != "lagoon-house"
    }
    assert [name for name in others if name in json.dumps(body)] == []
    assert {row["recipient_class"] for row in body["receives"]} >= {"TCU", "CUSTOMS"}
    assert "CONSENT_UNKNOWN_WITHHOLDS" in {each["code"] for each in body["warnings"]}


async def test_the_documented_curl_gets_the_documented_answer(door):
    page = (Path(__file__).parent.parent / "docs/publishing.md").read_text()
    section = page.partition("## Asking first")[2]
    sent = re.search(r"-d '(\{.*?\})'", section, re.DOTALL)[1]
    documented = json.loads(section.partition("```json")[2].partition("```")[0])

    status, _, body = await ask(door, sent.encode())

    assert (status, body["feeds"], body["warnings"]) == (
        200,
        documented["feeds"],
        documented["warnings"],
    )
    for row in documented["receives"]:
        assert any(_is_within(row, told) for told in body["receives"]), row


def _is_within(row, told):
    """Whether *row*, which may leave out some, is *told*."""
    rules = row.get("rules", [])
    rest = {name: value for name, value in row.items() if name != "rules"}
    return rest.items() <= told.items() and all(rule in told["rules"] for rule in rules)
