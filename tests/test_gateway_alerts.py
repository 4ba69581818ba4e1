"""Following one's own alert: what became of it, cancelling, withdrawing consent."""

import asyncio
import uuid
from uuid import UUID

import pytest
import pytest_asyncio
from alert_sending import AVRO, send
from delivering import producing
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of
from region import again

from broker.testing import make_alert
from broker.wire.alert_codec import encode_alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

#: Feeds that hold an ordinary alert, and who reads them.
HOLDERS = {
    FEED: UNIT_OF_FEED,
    "fiji-immigration-border": ORIGINATOR,
    "fiji-tcu-investigate": "fiji-tcu",
    "oco-disrupt": "oco",
    "ptccc-coordinate": "ptccc",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        yield it


async def standing(behind, alert_id, **wanted):
    """Return the originator's view, once it is as wanted."""
    async with asyncio.timeout(120):
        while True:
            status, _, body = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
            assert status == 200, body
            if wanted.items() <= body.items():
                return body
            await asyncio.sleep(0.1)


async def end(behind, alert_id, way):
    more = {"json": {"consent": "WITHDRAWN"}} if way == "consent" else {}
    return await behind.call("POST", f"/v1/alerts/{alert_id}/{way}", ORIGINATOR, **more)


async def recalled(behind, alert_id, feed, unit):
    async with asyncio.timeout(120):
        while True:
            (item,) = await behind.shown(alert_id, feed, unit)
            if item["kind"] == "RECALL":
                return item
            await asyncio.sleep(0.1)


async def test_what_was_published_is_known_at_once_and_then_accepted(behind):
    alert_id = await behind.publish()
    status, _, body = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
    assert status == 200
    assert body["state"] in ("PUBLISHED", "ACCEPTED")
    body = await standing(behind, alert_id, state="ACCEPTED", feeds=8, recalled=0)
    assert [each["revision"] for each in body["revisions"]] == [1]


async def test_each_revision_has_its_own_line(behind):
    first = draft(originator=ORIGINATOR)
    alert_id = first["label"]["alert_id"]
    for revision in (1, 2, 3):
        label = {**first["label"], "revision": revision}
        if revision > 1:
            label["message_type"] = "UPDATE"
        await behind.call("POST", "/v1/alerts", ORIGINATOR, json={**first, "label": label})
    async with asyncio.timeout(120):
        while True:
            body = await standing(behind, alert_id)
            states = [(each["revision"], each["state"]) for each in body["revisions"]]
            if states == [(1, "ACCEPTED"), (2, "ACCEPTED"), (3, "ACCEPTED")]:
                break
            await asyncio.sleep(0.1)
    assert body["feeds"] == 8


@pytest.mark.parametrize("way", ["cancel", "consent"])
async def test_whoever_holds_an_alert_learns_of_its_end(behind, way):
    alert_id = await behind.publish()
    for feed, unit in HOLDERS.items():
        await behind.shown(alert_id, feed, unit)
    status, headers, body = await end(behind, alert_id, way)
    assert (status, body["revision"], body["state"]) == (202, 2, "published")
    assert headers["Location"] == f"/v1/alerts/{alert_id}"
    for feed, unit in HOLDERS.items():
        item = await recalled(behind, alert_id, feed, unit)
        assert item["revision"] == 2
        assert item["compartments"] == {}
    await standing(behind, alert_id, state="CANCELLED", feeds=0, recalled=8)


async def test_what_has_ended_cannot_be_ended_again(behind):
    alert_id = await behind.publish()
    await standing(behind, alert_id, state="ACCEPTED")
    assert (await end(behind, alert_id, "cancel"))[0] == 202
    await standing(behind, alert_id, state="CANCELLED")
    for way in ("cancel", "consent"):
        status, _, said = await end(behind, alert_id, way)
        assert (status, said["code"]) == (409, "ALREADY_CANCELLED")


async def test_c23_a_cancel_needs_not_wait_until_its_alert_is_seen(behind, monkeypatch):
    """The gateway's ledger lags: it has not seen the alert, or not its latest revision."""
    first = draft(originator=ORIGINATOR)
    alert_id = first["label"]["alert_id"]
    late = draft(originator=ORIGINATOR)
    late_id = late["label"]["alert_id"]
    holdings = behind.doors.holdings
    await behind.call("POST", "/v1/alerts", ORIGINATOR, json=late)
    await standing(behind, late_id, state="ACCEPTED")
    before = holdings.peek(UUID(late_id))
    kept = {UUID(late_id): before}
    monkeypatch.setattr(holdings, "peek", kept.get)
    again = {**late["label"], "revision": 2, "message_type": "UPDATE"}
    await behind.call("POST", "/v1/alerts", ORIGINATOR, json={**late, "label": again})
    await behind.call("POST", "/v1/alerts", ORIGINATOR, json=first)

    answers = [await end(behind, late_id, "cancel"), await end(behind, alert_id, "consent")]
    monkeypatch.undo()

    assert [status for status, _, _ in answers] == [202, 202]
    for each in (late_id, alert_id):
        await standing(behind, each, state="CANCELLED", feeds=0, recalled=8)
        await recalled(behind, each, FEED, UNIT_OF_FEED)


@pytest.mark.parametrize("door", ["json", "avro", "kafka"])
async def test_c23_an_update_that_withdraws_consent_needs_not_have_seen_the_latest(behind, door):
    """Somebody else of the unit was quicker: the number is taken, the withdrawal counts."""
    first = make_alert(originator=ORIGINATOR, consent="GIVEN")
    alert_id = str(first.label.alert_id)
    for alert in (first, again(first, 2), again(first, 3)):
        assert (await send(behind, encode_alert(alert), AVRO))[0] == 202
    late = again(first, 2, consent="WITHDRAWN")
    if door == "kafka":
        async with producing(behind.parts.connection("test")) as producer:
            topic = behind.parts.topics.intake(ORIGINATOR)
            await producer.send_and_wait(topic, encode_alert(late), key=alert_id.encode())
    elif door == "avro":
        assert (await send(behind, encode_alert(late), AVRO))[0] == 202
    else:
        written = draft(originator=ORIGINATOR, consent="WITHDRAWN")
        said = {"alert_id": alert_id, "revision": 2, "message_type": "UPDATE"}
        written["label"] |= said
        assert (await send(behind, written))[0] == 202

    body = await standing(behind, alert_id, state="CANCELLED", feeds=0)
    assert body["recalled"] > 0
    assert "QUARANTINED" not in {each["state"] for each in body["revisions"]}
    await recalled(behind, alert_id, FEED, UNIT_OF_FEED)


async def test_a_cancel_sent_twice_at_once_is_one_cancel(behind):
    alert_id = await behind.publish()
    await standing(behind, alert_id, state="ACCEPTED")
    answers = await asyncio.gather(*(end(behind, alert_id, "cancel") for _ in range(4)))
    assert {status for status, _, _ in answers} <= {202, 409}
    await recalled(behind, alert_id, FEED, UNIT_OF_FEED)
    body = await standing(behind, alert_id, state="CANCELLED", recalled=8)
    assert body["feeds"] == 0
    assert [item["revision"] for item in await behind.shown(alert_id)] == [2]


async def test_consent_can_be_withdrawn_and_nothing_else_said_of_it(behind):
    alert_id = await behind.publish()
    await standing(behind, alert_id, state="ACCEPTED")
    for body in ({}, {"consent": "GIVEN"}, {"consent": "WITHDRAWN", "note": "a name"}):
        status, _, said = await behind.call(
            "POST", f"/v1/alerts/{alert_id}/consent", ORIGINATOR, json=body
        )
        assert status == 422
        assert "a name" not in str(said)
    await standing(behind, alert_id, state="ACCEPTED", feeds=8)


async def test_what_lies_in_quarantine_says_why_and_where(behind):
    alert_id = await behind.publish()
    await standing(behind, alert_id, state="ACCEPTED")
    other = draft(originator=ORIGINATOR, alert_id=alert_id, tlp="GREEN")  # same revision, other
    status, _, _ = await behind.call("POST", "/v1/alerts", ORIGINATOR, json=other)
    assert status == 202
    async with asyncio.timeout(120):
        while True:
            body = await standing(behind, alert_id)
            faults = [each for each in body["revisions"] if each["state"] == "QUARANTINED"]
            if faults:
                break
            await asyncio.sleep(0.1)
    assert faults[0]["reason"]
    assert body["state"] == "ACCEPTED"  # what was accepted stands
    assert len(await behind.shown(alert_id)) == 1


async def test_an_unchanged_standing_stays_away(behind):
    alert_id = await behind.publish()
    await behind.shown(alert_id)
    await standing(behind, alert_id, delivered=1)
    path = f"/v1/alerts/{alert_id}"
    _, headers, _ = await behind.call("GET", path, ORIGINATOR)
    known = {"If-None-Match": headers["ETag"]}
    assert (await behind.call("GET", path, ORIGINATOR, headers=known))[0] == 304
