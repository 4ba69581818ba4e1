"""Readings and receipts: each credential that read is named, and receipts are for what was shown.

Numbers 9, 10, 12 and 13 of the third part, at the doors.
"""

import asyncio
import uuid

import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, settings_of

from broker.audit.log import read_audit
from broker.gateway.caller import Right

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

RECEIPTS = f"/v1/feeds/{FEED}/receipts"
TAXII = {"Accept": "application/taxii+json;version=2.1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        yield it


async def in_feed(behind, **label):
    """Publish an alert; return its id once it lies in the feed, shown to nobody."""
    alert_id = await behind.publish(**label)
    async with asyncio.timeout(120):
        while behind.doors.shelf.latest(FEED, uuid.UUID(alert_id)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return alert_id


async def readers(behind, alert_id):
    log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
    entries = [e for e in log.of("DELIVERED") if str(e.alert_id) == alert_id]
    return {(entry.reference, entry.credential) for entry in entries}


async def receipt(behind, alert_id, revision=1):
    line = {"alert_id": alert_id, "revision": revision, "state": "ACTED_UPON"}
    _, _, body = await behind.call("POST", RECEIPTS, UNIT_OF_FEED, json={"receipts": [line]})
    (result,) = body["results"]
    return result["recorded"], [each["code"] for each in result["errors"]]


async def test_every_credential_that_read_is_named_at_every_door(behind):
    alert_id = await in_feed(behind)
    keys = [
        behind.headers(UNIT_OF_FEED, rights)
        for rights in (tuple(Right), (Right.READ,), (Right.READ, Right.ACKNOWLEDGE))
    ]
    path = f"/v1/feeds/{FEED}/alerts/{alert_id}"
    for _ in range(2):
        for each in keys[:2]:
            assert (await behind.call("GET", path, headers=each))[0] == 200
    collection = f"/taxii2/api/collections/{FEED}/objects/"
    async with asyncio.timeout(60):  # TAXII shows what nothing can be added before any more
        while True:
            _, _, body = await behind.call("GET", collection, headers={**keys[2], **TAXII})
            if body.get("objects"):
                break
            await asyncio.sleep(0.5)
    found = await readers(behind, alert_id)
    assert {door for door, _ in found} == {"HTTP", "TAXII"}
    assert len(found) == 3  # each once, however often it read
    assert all(credential and credential.startswith("key:") for _, credential in found)


async def test_streams_that_share_a_reading_are_each_named(behind):
    alert_id = await in_feed(behind)
    keys = [
        behind.headers(UNIT_OF_FEED, rights)
        for rights in ((Right.READ,), (Right.READ, Right.ACKNOWLEDGE))
    ]

    async def read(headers):
        async with behind.session.get(
            f"{behind.url}/v1/feeds/{FEED}/stream", headers=headers
        ) as it:
            async for line in it.content:
                if alert_id.encode() in line:
                    return

    async with asyncio.timeout(120):
        await asyncio.gather(*(read(each) for each in keys))
    assert len({credential for _, credential in await readers(behind, alert_id)}) == 2


async def test_a_receipt_is_for_what_was_shown_and_answers_the_same_for_all_else(behind):
    alert_id = await in_feed(behind)
    said = [
        await receipt(behind, alert_id),  # in the feed, and shown to nobody
        await receipt(behind, alert_id, revision=9),
        await receipt(behind, str(uuid.uuid4())),
    ]
    assert said == [(False, ["NOT_FOUND"])] * 3
    await behind.shown(alert_id)
    assert await receipt(behind, alert_id) == (True, [])
    async with asyncio.timeout(120):
        while True:
            _, _, standing = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
            if standing["acted_upon"]:
                break
            await asyncio.sleep(0.1)
    assert standing["acted_upon"] <= standing["delivered"]


@pytest.mark.parametrize("path", [RECEIPTS, f"/v1/alerts/{uuid.UUID(int=1)}/consent"])
async def test_who_comes_is_asked_before_the_body_is_read(behind, path):
    for body in (b"{", b"no json", b'{"receipts": []}', b"\xff\xfe{\x00}\x00"):
        status, _, said = await behind.call(
            "POST", path, data=body, headers={"Content-Type": "application/json"}
        )
        assert (status, said["code"]) == (401, "UNAUTHENTICATED")
    # A body that never ends is not waited for.
    async with asyncio.timeout(30):

        async def endless():
            yield b'{"receipts": ['
            await asyncio.sleep(3600)

        async with behind.session.post(behind.url + path, data=endless()) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    "body",
    [b'{"receipts": [], "receipts": [%s]}', '{"receipts": [%s]}'.encode("utf-16"),
     b'{"receipts": [%s], "x": NaN}', b'{"receipts": [{"revision": true, %s}]}'],
    ids=["a name twice", "UTF-16", "NaN", "a boolean"],
)  # fmt: skip
async def test_these_bodies_are_read_as_strictly_as_all_others(behind, body):
    line = b'"alert_id": "7b0c1f6e-33a8-4e4f-9a53-1f0d8c1f4d52", "state": "RECEIVED"'
    if b"revision" not in body:
        line = b'{"revision": 1, ' + line + b"}"
    status, _, said = await behind.call(
        "POST", RECEIPTS, UNIT_OF_FEED, data=body.replace(b"%s", line),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert status == 422, said
