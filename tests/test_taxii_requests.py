"""Who may ask for which TAXII 2.1 resource, and which requests are refused, by a real gateway."""

import asyncio
import json
import uuid

import pytest
import pytest_asyncio
import requests
from gatewaying import FEED, UNIT_OF_FEED
from taxii2client.v21 import ApiRoot, Server
from taxii_reading import ALERTS, HERE, MEDIA, ROOT, client, get, taxii_gateway, until_added

from broker.gateway.caller import Right
from broker.gateway.cursor import Cursors
from broker.gateway.taxii.routes import collection_id
from broker.resources import shipped
from broker.stix.definition import EXTENSION_ID, SCHEMA_FILE
from broker.stix.identifiers import named_uuid, object_id

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    async with taxii_gateway(kafka, tmp_path_factory.mktemp("gateway")) as it:
        yield it


# Where a client goes


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


async def test_a_collection_is_found_by_its_id_and_by_its_alias(behind):
    answers = [
        await get(behind, f"{ROOT}collections/{each}/") for each in (collection_id(FEED), FEED)
    ]

    assert answers[0][2] == answers[1][2]
    assert answers[0][2]["alias"] == FEED
    assert uuid.UUID(answers[0][2]["id"]).version == 4


async def test_the_definition_of_the_extension_is_where_its_object_says(behind):
    _, _, found = await get(behind, f"{HERE}objects/{EXTENSION_ID}/")
    (definition,) = found["objects"]
    path = next(word for word in definition["schema"].split() if word.startswith("/taxii2/"))
    status, headers, body = await get(behind, path.rstrip("."))

    assert status == 200
    assert headers["Content-Type"] == "application/schema+json"
    assert body == json.loads((shipped("schemas") / "stix" / SCHEMA_FILE).read_text())


# Who may


async def test_another_units_collection_is_as_absent_as_one_that_is_not(behind):
    rests = ["", "objects/", "manifest/", f"objects/report--{uuid.uuid4()}/", "no/"]
    told = set()
    for each in (collection_id("fiji-tcu-investigate"), "fiji-tcu-investigate", uuid.uuid4(), "x"):
        for rest in rests:
            status, headers, body = await get(behind, f"{ROOT}collections/{each}/{rest}")
            told.add((status, headers["Content-Type"], json.dumps(body)))
    assert [each[0] for each in told] == [404]


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


# What a request may say


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


async def test_a_cursor_is_of_one_collection_and_cannot_be_made(behind):
    _, _, first = await get(behind, HERE + "objects/", limit="5")
    assert first["more"]
    page = await behind.page(limit=1)
    cursors = [
        Cursors(behind.doors.secrets.counting, "taxii").sealed("fiji-tcu-investigate", {0: 1}),
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


async def test_no_path_below_answers_in_another_form(behind):
    def raw():
        return requests.get(behind.url + "/taxii2/nowhere", headers={"Accept": "*/*"}, timeout=30)

    answer = await asyncio.to_thread(raw)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, MEDIA)
