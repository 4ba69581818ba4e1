"""What recipients say of releases: in the audit log, once, and only of what they received."""

import asyncio
import uuid

import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, settings_of

from broker.audit.log import read_audit

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

RECEIPTS = f"/v1/feeds/{FEED}/receipts"
ANSWERS = ("RECEIVED", "ACKNOWLEDGED", "ACTED_UPON", "REFUSED")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        yield it


async def published(behind):
    alert_id = await behind.publish()
    await behind.shown(alert_id)
    return alert_id


async def give(behind, *receipts, feed=FEED, unit=UNIT_OF_FEED):
    body = {"receipts": [{"revision": 1, "state": "RECEIVED", **each} for each in receipts]}
    return await behind.call("POST", f"/v1/feeds/{feed}/receipts", unit, json=body)


async def entries(behind, alert_id, *kinds):
    log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
    return [e for e in log.of(*kinds) if str(e.alert_id) == alert_id]


async def standing(behind, alert_id, **wanted):
    """Return the originator's view, once its counts are as wanted."""
    async with asyncio.timeout(120):
        while True:
            status, _, body = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
            assert status == 200
            if wanted.items() <= body.items():
                return body
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("state", ANSWERS)
async def test_a_receipt_is_in_the_audit_log_before_its_answer(behind, state):
    alert_id = await published(behind)
    said = {"alert_id": alert_id, "state": state}
    if state == "REFUSED":
        said["reason"] = "NO_CAPACITY"
    status, _, body = await give(behind, said)
    assert (status, body["results"][0]["recorded"]) == (202, True)
    (entry,) = await entries(behind, alert_id, *ANSWERS)
    assert (entry.kind, entry.stage, entry.feed, entry.revision) == (state, "GATEWAY", FEED, 1)
    assert entry.reason == said.get("reason")
    assert entry.credential.startswith("key:")


async def test_the_same_receipt_again_counts_once(behind):
    alert_id = await published(behind)
    for _ in range(3):
        assert (await give(behind, {"alert_id": alert_id, "state": "ACKNOWLEDGED"}))[0] == 202
    assert len(await entries(behind, alert_id, "ACKNOWLEDGED")) == 1
    await standing(behind, alert_id, acknowledged=1)


async def test_an_originator_sees_how_many_and_never_who(behind):
    alert_id = await published(behind)
    for state in ("RECEIVED", "ACKNOWLEDGED", "ACTED_UPON"):
        await give(behind, {"alert_id": alert_id, "state": state})
    border = "fiji-immigration-border"
    await behind.shown(alert_id, border, ORIGINATOR)
    await give(behind, {"alert_id": alert_id}, feed=border, unit=ORIGINATOR)
    body = await standing(behind, alert_id, received=2, acknowledged=1, acted_upon=1, refused=0)
    assert body["feeds"] == 8
    assert body["delivered"] == 2
    assert "samoa" not in str(body)


async def test_what_a_feed_never_received_cannot_be_acknowledged_by_it(behind):
    alert_id = await published(behind)
    status, _, body = await give(
        behind,
        {"alert_id": alert_id},
        {"alert_id": alert_id, "revision": 2},
        {"alert_id": str(uuid.uuid4())},
    )
    assert status == 202
    assert [each["recorded"] for each in body["results"]] == [True, False, False]
    assert body["results"][1]["errors"] == [{"path": "alert_id", "code": "NOT_FOUND"}]
    foreign = await give(
        behind, {"alert_id": alert_id}, feed="pidc-awareness", unit="pidc-secretariat"
    )
    assert foreign[2]["results"][0]["errors"] == [{"path": "alert_id", "code": "NOT_FOUND"}]
    assert [e.feed for e in await entries(behind, alert_id, *ANSWERS)] == [FEED]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"state": "REFUSED"}, "FIELD_MISSING"),
        ({"state": "RECEIVED", "reason": "OTHER"}, "FIELD_INVALID"),
    ],
)
async def test_a_reason_belongs_to_a_refusal_and_to_nothing_else(behind, line, code):
    alert_id = await published(behind)
    _, _, body = await give(behind, {"alert_id": alert_id, **line})
    assert body["results"][0]["errors"] == [{"path": "reason", "code": code}]
    assert await entries(behind, alert_id, *ANSWERS) == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"receipts": []}, {"receipts": [{}]}, {"receipts": {}},
        {"receipts": [{"alert_id": "x", "revision": 1, "state": "RECEIVED"}]},
        {"receipts": [{"alert_id": str(uuid.uuid4()), "revision": 0, "state": "RECEIVED"}]},
        {"receipts": [{"alert_id": str(uuid.uuid4()), "revision": 1, "state": "READ"}]},
        {"receipts": [{"alert_id": str(uuid.uuid4()), "revision": 1, "state": "REFUSED",
                       "reason": "because of a name"}]},
        {"receipts": [{"alert_id": str(uuid.uuid4()), "revision": 1, "state": "RECEIVED"}] * 501},
    ],
)  # fmt: skip
async def test_receipts_that_say_nothing_are_refused_whole(behind, body):
    status, _, said = await behind.call("POST", RECEIPTS, UNIT_OF_FEED, json=body)
    assert status == 422
    assert all(fault["path"].startswith("body.receipts") for fault in said["errors"])
    assert "name" not in str(said)


async def test_a_recall_can_be_acknowledged(behind):
    alert_id = await published(behind)
    await behind.call("POST", f"/v1/alerts/{alert_id}/cancel", ORIGINATOR)
    async with asyncio.timeout(120):
        while (await behind.shown(alert_id))[0]["kind"] != "RECALL":  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    _, _, body = await give(behind, {"alert_id": alert_id, "revision": 2, "state": "ACTED_UPON"})
    assert body["results"][0]["recorded"]


async def test_11_10_a_receipt_is_for_what_was_shown(behind):
    """What lies in a feed and was shown to nobody is as unknown as what does not exist."""
    alert_id = await behind.publish()
    async with asyncio.timeout(120):
        while behind.doors.shelf.latest(FEED, uuid.UUID(alert_id)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    named = (alert_id, str(uuid.uuid4()))
    early, absent = ({"alert_id": each, "state": "ACTED_UPON"} for each in named)
    _, _, body = await give(behind, early, absent)
    results = [{**each, "alert_id": ""} for each in body["results"]]
    assert results[0] == results[1]
    assert results[0]["errors"] == [{"path": "alert_id", "code": "NOT_FOUND"}]
    assert await entries(behind, alert_id, *ANSWERS) == []

    await behind.shown(alert_id)
    _, _, body = await give(behind, early)
    assert body["results"][0]["recorded"] is True
