"""With protection: what is sealed for a unit stays so here, and what is erased is not served."""

import asyncio
import base64
import json
import uuid
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.keys import init_keys
from broker.pipeline.erase import destroy_alert_keys
from broker.protect.key_folder import KeyFolder

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

ENTRUSTED, ITS_UNIT = "fiji-tcu-investigate", "fiji-tcu"
CANARY = "CANARYSEALED"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    settings = settings_of(
        kafka, f"t{uuid.uuid4().hex[:8]}.", folder, protection="required", keys=folder / "keys"
    )
    init_keys(settings, entrusted=[ENTRUSTED])
    async with Behind(settings) as it:
        yield it


async def published(behind):
    written = draft(originator=ORIGINATOR)
    written["compartments"]["summary"]["headline"] = CANARY
    status, _, body = await behind.call("POST", "/v1/alerts", ORIGINATOR, json=written)
    assert status == 202, body
    return body["alert_id"]


async def test_a_feed_with_a_key_of_its_own_gets_what_only_that_key_opens(behind):
    alert_id = await published(behind)
    (item,) = await behind.shown(alert_id)
    assert item["sealed"]
    assert item["label"]["alert_id"] == alert_id
    assert CANARY not in json.dumps(item)
    assert CANARY.encode() not in base64.b64decode(item["record"])
    summary = await behind.page(form="summary", limit=500)
    assert CANARY not in json.dumps(summary)
    opener = behind.parts.protection.opener(FEED)
    assert opener is not None


async def test_an_entrusted_feed_is_opened_for_its_reader(behind):
    alert_id = await published(behind)
    (item,) = await behind.shown(alert_id, ENTRUSTED, ITS_UNIT)
    assert not item["sealed"]
    assert item["compartments"]["summary"]["headline"] == CANARY
    summary = await behind.page(ENTRUSTED, ITS_UNIT, form="summary", limit=500)
    (line,) = [each for each in summary["items"] if each["alert_id"] == alert_id]
    assert line["summary"] == CANARY


async def test_nothing_readable_of_a_sealed_alert_is_in_the_gateways_folder(behind):
    alert_id = await published(behind)
    await behind.shown(alert_id, ENTRUSTED, ITS_UNIT)
    files = list((behind.settings.data_folder / "gateway").iterdir())
    assert any(each.name.endswith(".db") for each in files)
    assert all(CANARY.encode() not in each.read_bytes() for each in files)


async def test_a_sealed_alert_that_another_unit_signed_is_refused(behind):
    alert_id = await published(behind)
    (item,) = await behind.shown(alert_id)
    for body in (base64.b64decode(item["record"]), b"\x00" * 40):
        status, _, said = await behind.call(
            "POST", "/v1/alerts", ORIGINATOR, data=body,
            headers={"Content-Type": "application/vnd.apache.avro"},
        )  # fmt: skip
        assert status == 422
        assert CANARY not in json.dumps(said)


async def test_a_plain_alert_in_avro_is_refused_where_protection_is_required(behind):
    from broker.testing import make_alert
    from broker.wire.alert_codec import encode_alert

    status, _, said = await behind.call(
        "POST", "/v1/alerts", ORIGINATOR, data=encode_alert(make_alert(originator=ORIGINATOR)),
        headers={"Content-Type": "application/vnd.apache.avro"},
    )  # fmt: skip
    assert (status, said["code"]) == (422, "SEAL_MISSING")


async def test_an_erased_alert_is_not_opened_any_more(behind):
    alert_id = await published(behind)
    await behind.shown(alert_id, ENTRUSTED, ITS_UNIT)
    folder = KeyFolder(behind.settings.key_folder())
    assert destroy_alert_keys(folder, uuid.UUID(alert_id), datetime.now(UTC)) > 0
    async with asyncio.timeout(60):
        while True:
            page = await behind.page(ENTRUSTED, ITS_UNIT, limit=500)
            mine = [each for each in page["items"] if each["alert_id"] == alert_id]
            if CANARY not in json.dumps(mine):
                break
            await asyncio.sleep(0.5)
    path = f"/v1/feeds/{ENTRUSTED}/alerts/{alert_id}"
    _, _, latest = await behind.call("GET", path, ITS_UNIT)
    assert CANARY not in json.dumps(latest)


async def test_a_cancel_recalls_sealed_releases_everywhere(behind):
    alert_id = await published(behind)
    await behind.shown(alert_id)
    await behind.shown(alert_id, ENTRUSTED, ITS_UNIT)
    more = {"json": {"consent": "WITHDRAWN"}}
    path = f"/v1/alerts/{alert_id}/consent"
    assert (await behind.call("POST", path, ORIGINATOR, **more))[0] == 202
    for feed, unit in ((FEED, UNIT_OF_FEED), (ENTRUSTED, ITS_UNIT)):
        async with asyncio.timeout(120):
            while (await behind.shown(alert_id, feed, unit))[-1]["kind"] != "RECALL":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert CANARY not in json.dumps(await behind.shown(alert_id, feed, unit))
