"""TAXII 2.1 by HTTP, from a real gateway on a real Kafka, by the standard's own client."""

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path

import pytest
import pytest_asyncio
import requests
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of
from stix2validator import ValidationOptions, validate_instance
from taxii2client.common import TokenAuth
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from broker.audit.log import read_audit
from broker.gateway.caller import Right
from broker.gateway.cursor import Cursors
from broker.gateway.taxii.routes import collection_id
from broker.keys import init_keys
from broker.model.release import ReleaseView
from broker.resources import shipped
from broker.stix import objects_of
from broker.stix.definition import EXTENSION_ID, SCHEMA_FILE
from broker.stix.identifiers import named_uuid, object_id
from broker.testing import make_compartments

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

MEDIA = "application/taxii+json;version=2.1"
ROOT = "/taxii2/api/"
HERE = f"{ROOT}collections/{collection_id(FEED)}/"
STRICT = ValidationOptions(version="2.1", strict=True, strict_properties=True)
#: Published before any test looks.
ALERTS = 7


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        it.alerts = [await publish(it) for _ in range(ALERTS)]
        await until_added(it, ALERTS)
        yield it


async def publish(behind, alert_id=None, **label):
    alert_id = alert_id or str(uuid.uuid4())
    sent = draft(originator=ORIGINATOR, alert_id=alert_id, **label)
    if label.get("message_type") != "CANCEL":
        sent["compartments"] = whole()
    status, _, body = await behind.call("POST", "/v1/alerts", ORIGINATOR, json=sent)
    assert status == 202, body
    return alert_id


def whole():
    """Return content that has something of each kind of object."""
    found = json.loads(json.dumps(make_compartments("SYNTHETIC"), default=str))
    found["suspects"]["persons"][0]["citizenships"] = ["PH"]
    found["conveyances"]["items"][0] |= {"imo_number": "9074729", "flag": "PA"}
    return found


async def get(behind, path, unit=UNIT_OF_FEED, headers=None, **query):
    """Return status, headers and body of a TAXII request."""
    sent = {"Accept": MEDIA, **(headers or {})}
    return await behind.call("GET", path, unit, headers=sent, params=query)


async def until_added(behind, reports):
    """Wait until a collection shows that many reports, in whatever version."""
    async with asyncio.timeout(120):
        while True:
            query = {"match[type]": "report", "limit": "1000"}
            _, _, body = await get(behind, HERE + "objects/", **query)
            if len(body.get("objects", ())) >= reports:
                return body["objects"]
            await asyncio.sleep(0.2)


async def until_report(behind, alert_id, wanted):
    """Wait until the report on an alert is as *wanted* says."""
    report = object_id("report", FEED, uuid.UUID(alert_id), "report")
    async with asyncio.timeout(120):
        while True:
            status, _, body = await get(behind, f"{HERE}objects/{report}/")
            if status == 200 and (found := body.get("objects")) and wanted(found[0]):
                return found[0]
            await asyncio.sleep(0.2)


def client(behind, make, path, unit=UNIT_OF_FEED):
    key = behind.headers(unit)["Authorization"].removeprefix("Bearer ")

    class Bearer(TokenAuth):
        def __call__(self, request):
            request.headers["Authorization"] = f"Bearer {self.key}"
            return request

    return make(behind.url + path, auth=Bearer(key))


async def read(behind, feed, unit, per_request):
    """Return the objects of all pages, as the standard's client reads them."""

    def read_all():
        path = f"{ROOT}collections/{collection_id(feed)}/"
        collection = client(behind, Collection, path, unit)
        pages = as_pages(collection.get_objects, per_request=per_request)
        return [each for page in pages for each in page.get("objects", ())]

    return await asyncio.to_thread(read_all)


async def until_read(behind, feed, unit):
    """Wait until a collection has objects; return them."""
    async with asyncio.timeout(120):
        while True:
            if found := await read(behind, feed, unit, 1000):
                return found
            await asyncio.sleep(0.2)


async def of_feed(behind, feed, unit):
    """Return the objects of what the feed's own pages show."""
    found = {}
    page = await behind.page(feed, unit, limit=500)
    assert not page["more"]
    for item in page["items"]:
        view = ReleaseView.model_validate({k: v for k, v in item.items() if k != "cursor"})
        for each in objects_of(feed, view):
            older = found.get(each["id"], {}).get("modified", "")
            if each.get("modified", "") >= older:
                found[each["id"]] = each
    return found


def refs_in(value):
    if isinstance(value, dict):
        for name, each in value.items():
            if name.endswith("_refs"):
                yield from each
            elif name.endswith("_ref"):
                yield each
            else:
                yield from refs_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs_in(each)


# What the standard's client does


async def test_the_client_finds_its_way_from_discovery_to_its_feeds(behind):
    def find():
        server = client(behind, Server, "/taxii2/")
        assert server.default.url.endswith(ROOT)
        return [(each.title, each.can_read, each.can_write) for each in server.default.collections]

    found = await asyncio.to_thread(find)
    _, _, listed = await behind.call("GET", "/v1/feeds", UNIT_OF_FEED)
    assert found == [(each["feed"], True, False) for each in listed["feeds"]]
    root = await asyncio.to_thread(lambda: client(behind, ApiRoot, ROOT).versions)
    assert root == [MEDIA]


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


async def pages(behind, path=HERE + "objects/", **query):
    found, more = [], True
    while more:
        status, headers, body = await get(behind, path, **query)
        assert status == 200, body
        body.setdefault("objects", [])
        found.append({**body, "headers": headers})
        more = body.get("more", False)
        query["next"] = body.get("next", "")
    return found


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


async def test_a_cursor_is_of_one_collection_and_cannot_be_made(behind):
    _, _, first = await get(behind, HERE + "objects/", limit="5")
    assert first["more"]
    secret = behind.doors.secret
    page = await behind.page(limit=1)
    cursors = [
        Cursors(secret, "taxii").sealed("fiji-tcu-investigate", {0: 1}),
        page["next"],  # of the same feed, for another use
        ("B" if first["next"][0] == "A" else "A") + first["next"][1:],
        "x",
        "",
    ]
    answers = [await get(behind, HERE + "objects/", next=cursor) for cursor in cursors]
    assert {(status, json.dumps(body)) for status, _, body in answers} == {
        (400, json.dumps(answers[0][2]))
    }
    assert answers[0][2]["error_code"] == "CURSOR_INVALID"


# Filters


async def test_objects_are_matched_by_type_id_and_spec_version(behind):
    found = await until_added(behind, ALERTS)
    ids = [each["id"] for each in found[:2]]
    queries = [
        ({"match[id]": ",".join(ids)}, set(ids)),
        ({"match[id]": ids[0], "match[type]": "identity"}, set()),
        ({"match[id]": ids[0], "match[spec_version]": "2.0,2.1"}, {ids[0]}),
        ({"match[id]": ids[0], "match[spec_version]": "2.0"}, set()),
        ({"match[id]": ids[0], "match[version]": found[0]["modified"]}, {ids[0]}),
        ({"match[id]": ids[0], "match[version]": "2020-01-01T00:00:00Z"}, set()),
        ({"match[id]": ids[0], "match[version]": "first"}, {ids[0]}),
    ]
    for query, wanted in queries:
        for path in ("objects/", "manifest/"):
            _, _, body = await get(behind, HERE + path, **query)
            assert {each["id"] for each in body.get("objects", ())} == wanted, query


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("limit", "0"), ("limit", "-1"), ("limit", "x"), ("limit", "٣"), ("limit", ""),
        ("added_after", "yesterday"), ("added_after", "2026-13-01T00:00:00Z"),
        ("added_after", "2026-01-01T00:00:00"), ("match[version]", "newest"),
        ("match[id]", ""), ("match[type]", "report,,note"),
        ("match[id]", ",".join(map(str, range(300)))),
    ],
)  # fmt: skip
async def test_what_a_parameter_cannot_mean_is_400(behind, name, text):
    status, headers, body = await get(behind, HERE + "objects/", **{name: text})

    assert (status, headers["Content-Type"]) == (400, MEDIA)
    assert body["details"] == {f"query.{name}": "FIELD_INVALID"}
    assert body["http_status"] == "400"
    if len(text) > 2:
        assert text not in json.dumps(body)


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


async def test_an_object_that_another_feed_sees_is_as_absent_as_one_that_is_not(behind):
    theirs = object_id("report", "fiji-tcu-investigate", uuid.UUID(behind.alerts[0]), "report")
    nobodys = object_id("report", FEED, uuid.uuid4(), "report")
    unit = "location--" + str(named_uuid("location", "country ZW"))

    told = set()
    for each in (theirs, nobodys, unit, "report--x", f"file--{uuid.uuid4()}"):
        for rest in ("", "versions/"):
            status, headers, body = await get(behind, f"{HERE}objects/{each}/{rest}")
            told.add((status, headers["Content-Type"], json.dumps(body)))
    assert len(told) == 1
    assert told.pop()[0] == 404


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


# Who may, and how it is asked


async def test_a_collection_is_found_by_its_id_and_by_its_alias(behind):
    answers = [
        await get(behind, f"{ROOT}collections/{each}/") for each in (collection_id(FEED), FEED)
    ]

    assert answers[0][2] == answers[1][2]
    assert answers[0][2]["alias"] == FEED
    assert uuid.UUID(answers[0][2]["id"]).version == 4


async def test_another_units_collection_is_as_absent_as_one_that_is_not(behind):
    rests = ["", "objects/", "manifest/", f"objects/report--{uuid.uuid4()}/", "no/"]
    told = set()
    for each in (collection_id("fiji-tcu-investigate"), "fiji-tcu-investigate", uuid.uuid4(), "x"):
        for rest in rests:
            status, headers, body = await get(behind, f"{ROOT}collections/{each}/{rest}")
            told.add((status, headers["Content-Type"], json.dumps(body)))
    assert [each[0] for each in told] == [404]


async def test_without_a_credential_or_the_right_to_read_nothing_is_there(behind):
    publishes = behind.headers(UNIT_OF_FEED, rights=(Right.PUBLISH,))
    for path in ("/taxii2/", ROOT, ROOT + "collections/", HERE, HERE + "objects/"):
        status, headers, body = await get(behind, path, unit=None)
        assert (status, body["error_code"]) == (401, "UNAUTHENTICATED")
        assert headers["WWW-Authenticate"]
        status, _, body = await get(behind, path, unit=None, headers=publishes)
        assert (status, body["error_code"]) == (404, "NOT_FOUND")


async def test_a_unit_without_feeds_has_no_collections(behind):
    headers = behind.headers(UNIT_OF_FEED, feeds=frozenset())
    status, _, body = await get(behind, ROOT + "collections/", unit=None, headers=headers)

    assert (status, body) in [(200, {}), (404, body)]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (MEDIA, 200),
        ("application/taxii+json", 200),
        ("application/taxii+json; version=2.1", 200),
        ("text/html, application/taxii+json;version=2.1;q=0.5", 200),
        ("*/*", 200),
        ("application/*;q=0.1", 200),
        ("application/taxii+json;version=2.0", 406),
        ("application/vnd.oasis.taxii+json", 406),
        ("application/json", 406),
        ("text/*", 406),
        ("*/*;q=0", 406),
        ("", 406),
    ],
)
async def test_what_the_caller_cannot_take_is_not_sent(behind, accept, wanted):
    for path in ("/taxii2/", ROOT, ROOT + "collections/", HERE, HERE + "objects/"):
        status, headers, _ = await get(behind, path, headers={"Accept": accept})
        assert (status, headers["Content-Type"]) == (wanted, MEDIA)


async def test_nothing_is_taken_and_nothing_removed(behind):
    async def sent(method, path, content_type=MEDIA):
        headers = {"Content-Type": content_type, "Accept": MEDIA}
        status, headers, body = await behind.call(
            method, path, UNIT_OF_FEED, headers=headers, data=b'{"objects":[]}'
        )
        return status, body["error_code"], headers.get("Allow")

    taken = await sent("POST", HERE + "objects/")
    assert taken == (405, "METHOD_NOT_ALLOWED", "GET")
    assert (await sent("POST", HERE + "objects/", "application/json"))[0] == 415
    assert (await sent("DELETE", f"{HERE}objects/report--{uuid.uuid4()}/"))[0] == 405
    foreign = f"{ROOT}collections/fiji-tcu-investigate/objects/"
    assert (await sent("POST", foreign))[0] == 404
    assert (await sent("DELETE", f"{foreign}report--{uuid.uuid4()}/"))[0] == 404
    assert (await sent("GET", f"{ROOT}status/{uuid.uuid4()}/"))[0] == 404


async def test_the_definition_of_the_extension_is_where_its_object_says(behind):
    _, _, found = await get(behind, f"{HERE}objects/{EXTENSION_ID}/")
    (definition,) = found["objects"]
    path = next(word for word in definition["schema"].split() if word.startswith("/taxii2/"))
    status, headers, body = await get(behind, path.rstrip("."))

    assert status == 200
    assert headers["Content-Type"] == "application/schema+json"
    assert body == json.loads((shipped("schemas") / "stix" / SCHEMA_FILE).read_text())


async def test_no_path_below_answers_in_another_form(behind):
    def raw():
        return requests.get(behind.url + "/taxii2/nowhere", headers={"Accept": "*/*"}, timeout=30)

    answer = await asyncio.to_thread(raw)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, MEDIA)


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


async def test_what_only_the_partners_key_opens_is_a_label_and_a_sealed_record(
    kafka, topics, tmp_path
):
    settings = settings_of(kafka, topics.prefix, tmp_path, protection="required")
    init_keys(settings, entrusted=[FEED])
    async with Behind(settings) as it:
        alert_id = await publish(it)
        opened = await until_report(it, alert_id, lambda report: True)
        assert opened["name"] == "SYNTHETIC-summary"
        assert "record" not in opened["extensions"][EXTENSION_ID]

        feed, unit = "fiji-tcu-investigate", "fiji-tcu"
        (item,) = await it.shown(alert_id, feed, unit)
        objects = await until_read(it, feed, unit)
        (sealed,) = (each for each in objects if each["type"] == "report")
        told = sealed["extensions"][EXTENSION_ID]
        assert (told["sealed"], told["record"]) == (True, item["record"])
        assert told["label"]["alert_id"] == alert_id
        text = json.dumps([{**each, "extensions": {}} for each in objects])
        assert "SYNTHETIC" not in text
        bundle = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}
        assert validate_instance(bundle, STRICT).is_valid
        assert {each["type"] for each in objects} == {
            "identity", "extension-definition", "marking-definition", "location", "report",
        }  # fmt: skip
