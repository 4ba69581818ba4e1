"""However old the cursor: what expired, was superseded, recalled or forbidden is not served."""

import shutil
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from feed_reading import comes, identities, publish_draft, walked
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.resources import shipped

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        it.ids = [await it.publish() for _ in range(5)]
        for alert_id in it.ids:
            await it.shown(alert_id)
        yield it


async def test_a_superseded_revision_is_passed_over_however_old_the_cursor(behind):
    start = await behind.page(limit=1)
    first = draft(originator=ORIGINATOR)
    alert_id = await publish_draft(behind, first)
    (item,) = await behind.shown(alert_id)
    assert item["revision"] == 1
    second = {**first, "label": {**first["label"], "revision": 2, "message_type": "UPDATE"}}
    await publish_draft(behind, second)
    await comes(behind, alert_id, 2, "RELEASE")
    again = [e for e in await walked(behind, cursor=start["next"]) if e["alert_id"] == alert_id]
    assert identities(again) == [(alert_id, 2, "RELEASE")]


async def test_what_has_expired_is_never_served(behind):
    ends = datetime.now(UTC) + timedelta(seconds=8)
    start = await behind.page(limit=1)
    alert_id = await publish_draft(
        behind, draft(originator=ORIGINATOR, expires_at=ends.isoformat())
    )
    seen = [e for e in await walked(behind) if e["alert_id"] == alert_id]
    while datetime.now(UTC) < ends:
        seen += [e for e in await walked(behind) if e["alert_id"] == alert_id]
    for query in ({}, {"cursor": start["next"]}):
        found = {each["alert_id"] for each in await walked(behind, **query)}
        assert alert_id not in found
    latest = f"/v1/feeds/{FEED}/alerts/{alert_id}"
    assert (await behind.call("GET", latest, UNIT_OF_FEED))[0] == 404
    _, _, standing = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
    assert standing["state"] == "EXPIRED"


async def test_a_cancelled_alert_is_a_recall_to_every_cursor(behind):
    start = await behind.page(limit=1)
    alert_id = await behind.publish()
    (item,) = await behind.shown(alert_id)
    status, _, told = await behind.call("POST", f"/v1/alerts/{alert_id}/cancel", ORIGINATOR)
    assert (status, told["revision"]) == (202, 2)
    await comes(behind, alert_id, 2, "RECALL")
    for query in ({}, {"cursor": start["next"]}, {"cursor": item["cursor"]}):
        found = [e for e in await walked(behind, **query) if e["alert_id"] == alert_id]
        assert identities(found) == [(alert_id, 2, "RECALL")]
        assert "label" not in found[0]
        assert found[0]["compartments"] == {}
    _, _, latest = await behind.call("GET", f"/v1/feeds/{FEED}/alerts/{alert_id}", UNIT_OF_FEED)
    assert latest["kind"] == "RECALL"


async def test_what_policy_permits_no_longer_comes_as_a_recall(behind, tmp_path):
    alert_id = await behind.publish()
    (item,) = await behind.shown(alert_id)
    other = await behind.shown(alert_id, "fiji-immigration-border", ORIGINATOR)
    assert other[0]["kind"] == "RELEASE"
    bundle = tmp_path / "tightened"
    shutil.copytree(shipped("policies") / "pacific", bundle)
    (bundle / "rules" / "zz-tightened.cedar").write_text(
        '@id("tightened")\n@why("A test.")\n@legal_basis("A test.")\n'
        f'forbid (principal == Lali::Unit::"{UNIT_OF_FEED}",\n'
        '  action in Lali::Action::"everything", resource);\n'
    )
    before = behind.parts
    await behind.close()
    behind.parts = replace(before, decider=Decider(load_bundle(bundle)))
    await behind.open()
    try:
        items = await walked(behind)
        assert {each["kind"] for each in items} == {"RECALL"}
        assert (alert_id, item["revision"], "RECALL") in identities(items)
        assert all("label" not in each and each["compartments"] == {} for each in items)
        latest = f"/v1/feeds/{FEED}/alerts/{alert_id}"
        assert (await behind.call("GET", latest, UNIT_OF_FEED))[2]["kind"] == "RECALL"
        # Who is not forbidden sees what it saw.
        found = await behind.shown(alert_id, "fiji-immigration-border", ORIGINATOR)
        assert found[0]["kind"] == "RELEASE"
    finally:
        await behind.close()
        behind.parts = before
        await behind.open()
