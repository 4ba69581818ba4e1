"""What a TAXII 2.1 collection holds, whole and at its latest, by the standard's own client."""

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path

import pytest
import pytest_asyncio
from gatewaying import FEED, UNIT_OF_FEED
from stix2validator import validate_instance
from stix_references import refs_in
from taxii2client.v21 import Collection, as_pages
from taxii_reading import (
    ALERTS,
    HERE,
    STRICT,
    client,
    get,
    of_feed,
    pages,
    publish,
    read,
    taxii_gateway,
    until_report,
)

from broker.audit.log import read_audit
from broker.stix.definition import EXTENSION_ID
from broker.stix.identifiers import object_id

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    async with taxii_gateway(kafka, tmp_path_factory.mktemp("gateway")) as it:
        yield it


# What the standard's client reads


@pytest.mark.parametrize("per_request", [1, 7, 40, 1000])
async def test_the_client_reads_every_collection_to_its_end_with_the_same_objects(
    behind, per_request
):
    feeds = [(feed.id, feed.unit) for feed in behind.parts.community.feeds.values()]
    held = 0
    for feed, unit in feeds:
        read_objects = {each["id"]: each for each in await read(behind, feed, unit, per_request)}
        assert read_objects == await of_feed(behind, feed, unit)
        assert set(refs_in(list(read_objects.values()))) <= set(read_objects)
        held += bool(read_objects)
    assert held >= 3


async def test_every_object_that_is_served_passes_the_strict_validator(behind):
    objects = await read(behind, FEED, UNIT_OF_FEED, 1000)

    assert len(objects) > ALERTS * 8
    found = validate_instance(
        {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}, STRICT
    )
    assert found.is_valid, [str(each) for each in found.errors]
    assert {"report", "identity", "location", "infrastructure", "note"} <= {
        each["type"] for each in objects
    }


async def test_the_manifest_lists_what_the_objects_are(behind):
    def listed():
        collection = client(behind, Collection, HERE)
        pages = as_pages(collection.get_manifest, per_request=30)
        return {(each["id"], each["version"]) for page in pages for each in page["objects"]}

    objects = await read(behind, FEED, UNIT_OF_FEED, 1000)
    versions = {
        (each["id"], each.get("modified", each.get("created")))
        for each in objects
        if each["type"] != "file"
    }
    found = {each for each in await asyncio.to_thread(listed) if not each[0].startswith("file--")}
    assert found == versions


async def test_the_documented_program_prints_the_reports_of_every_feed(behind):
    page = (Path(__file__).parents[1] / "docs" / "taxii.md").read_text()
    program = page.partition("```python\n")[2].partition("```")[0]
    key = behind.headers(UNIT_OF_FEED)["Authorization"].removeprefix("Bearer ")
    known = {
        "LALI_GATEWAY": behind.url,
        "LALI_KEY": key,
        "LALI_KEY_ID": key.split("_")[1],
    }
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env={**os.environ, **known},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await ran.communicate()

    assert ran.returncode == 0, err.decode()
    lines = out.decode().splitlines()
    assert len(lines) >= ALERTS
    assert {line.split()[0] for line in lines} == {FEED}


# Paging


async def test_no_object_is_lost_or_cut_in_any_page_size_and_every_page_is_closed(behind):
    whole_page = await pages(behind, limit="1000")
    wanted = {each["id"] for page in whole_page for each in page["objects"]}

    for limit in ("12", "25", "60"):
        known = set()
        for page in await pages(behind, limit=limit):
            assert len(page["objects"]) <= int(limit)
            known |= {each["id"] for each in page["objects"]}
            assert set(refs_in(page["objects"])) <= known
        assert known == wanted


async def test_added_after_goes_on_behind_the_last_date_and_misses_nothing(behind):
    every = await pages(behind, limit="1000")
    wanted = {each["id"] for page in every for each in page["objects"]}
    found, after = set(), "1970-01-01T00:00:00Z"
    for _ in range(200):
        # A page with room for one record: whole records only, so a date parts them.
        status, headers, body = await get(behind, HERE + "objects/", limit="30", added_after=after)
        assert status == 200
        if "objects" not in body:
            break
        found |= {each["id"] for each in body["objects"]}
        assert headers["X-TAXII-Date-Added-First"] <= headers["X-TAXII-Date-Added-Last"]
        assert headers["X-TAXII-Date-Added-First"] > after
        after = headers["X-TAXII-Date-Added-Last"]
    assert found == wanted
    assert body == {}


# One object


async def test_any_object_can_be_read_by_its_id(behind):
    objects = await read(behind, FEED, UNIT_OF_FEED, 1000)
    kinds = {each["type"]: each for each in objects}
    assert len(kinds) >= 8
    for each in kinds.values():
        status, headers, body = await get(behind, f"{HERE}objects/{each['id']}/")
        assert status == 200, each["type"]
        assert {json.dumps(found) for found in body["objects"]} == {json.dumps(each)}
        assert headers["X-TAXII-Date-Added-Last"]
        _, _, versions = await get(behind, f"{HERE}objects/{each['id']}/versions/")
        if each["type"] != "file":
            version = each.get("modified", each["created"])
            assert set(versions["versions"]) == {version}


# Versions and recalls


async def test_a_later_revision_is_the_version_that_is_shown(behind):
    alert_id = await publish(behind)
    first = await until_report(behind, alert_id, lambda report: True)
    await publish(behind, alert_id, revision=2, message_type="UPDATE")
    second = await until_report(behind, alert_id, lambda r: r["modified"] != first["modified"])

    assert second["id"] == first["id"]
    assert second["created"] == first["created"]
    assert second["modified"] > first["modified"]
    assert second["extensions"][EXTENSION_ID]["revision"] == 2
    _, _, listed = await get(behind, f"{HERE}objects/{first['id']}/versions/")
    assert listed["versions"] == [second["modified"]]  # the first may no longer be served


async def test_a_cancelled_alert_is_a_revoked_report_and_nothing_of_it_is_left(behind):
    alert_id = await publish(behind)
    first = await until_report(behind, alert_id, lambda report: True)
    await publish(behind, alert_id, revision=2, message_type="CANCEL")
    after = await until_report(behind, alert_id, lambda report: report.get("revoked"))

    assert after["modified"] > first["modified"]
    person = object_id("identity", FEED, uuid.UUID(alert_id), "suspects p2")
    status, _, _ = await get(behind, f"{HERE}objects/{person}/")
    assert status == 404
    known = await read(behind, FEED, UNIT_OF_FEED, 1000)
    prefix = first["id"].removeprefix("report--")[:18]
    assert [each["id"] for each in known if f"--{prefix}" in each["id"]] == [first["id"]]


async def test_a_recall_comes_behind_the_date_at_which_its_alert_was_read(behind):
    alert_id = await publish(behind)
    report = await until_report(behind, alert_id, lambda report: True)
    _, headers, _ = await get(behind, f"{HERE}objects/{report['id']}/")
    read_at = headers["X-TAXII-Date-Added-Last"]
    await publish(behind, alert_id, revision=2, message_type="CANCEL")
    await until_report(behind, alert_id, lambda report: report.get("revoked"))

    query = {"added_after": read_at, "match[id]": report["id"]}
    _, _, body = await get(behind, HERE + "objects/", **query)
    assert [each["revoked"] for each in body["objects"]] == [True]


async def test_what_is_read_is_in_the_audit_log_before_it_is_read(behind):
    alert_id = await publish(behind)
    await until_report(behind, alert_id, lambda report: True)

    log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
    told = [(e.kind, e.feed) for e in log.entries if str(e.alert_id) == alert_id]
    assert ("DELIVERED", FEED) in told
