"""The schema registry view: other people's clients decode what they are entitled to."""

import io
import json
import uuid

import fastavro
import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, settings_of

from broker.gateway.caller import Right
from broker.wire.alert_codec import SCHEMA_NAMES
from broker.wire.schema import catalogue
from broker.wire.tail import read_to_end

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
#: Of Confluent's interface: the paths below one subject that only read.
BELOW_A_SUBJECT = ("/versions", "/versions/1", "/versions/latest", "/versions/latest/schema")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as opened:
        yield opened


def _subject(behind, feed=FEED):
    return f"{behind.parts.topics.feed(feed)}-value"


async def _get(behind, path, unit=UNIT_OF_FEED, **more):
    status, headers, body = await behind.call("GET", path, unit, **more)
    assert headers["Content-Type"] == MEDIA_TYPE
    return status, body


async def test_a_record_of_a_real_feed_is_decoded_by_what_the_registry_gives_alone(behind):
    alert_id = await behind.publish()
    await behind.shown(alert_id)
    names = [behind.parts.topics.feed(FEED)]
    connection = behind.parts.connection("gateway")
    (value,) = [record.value async for record in read_to_end(connection, names)]

    release = await _decoded(behind, value)
    assert str(release["alert_id"].hex()) == alert_id.replace("-", "")
    # What a slot holds is framed too, behind its salt of 32 bytes.
    summary = await _decoded(behind, release["compartments"]["summary"]["content"][32:])
    assert summary["headline"] == "SYNTHETIC: a longliner"


async def _decoded(behind, value):
    assert value[0] == 0
    schema_id = int.from_bytes(value[1:5], "big")
    path = f"/schemas/ids/{schema_id}?fetchMaxId=false&subject={_subject(behind)}"
    status, body = await _get(behind, path)
    assert status == 200
    schema = fastavro.parse_schema(json.loads(body["schema"]))
    stream = io.BytesIO(value[5:])
    record = fastavro.schemaless_reader(stream, schema, None)
    assert stream.read() == b""
    return record


async def test_a_unit_sees_the_subjects_of_its_own_topics_only(behind):
    topics = behind.parts.topics
    _, reads = await _get(behind, "/subjects")
    _, publishes = await _get(behind, "/subjects", ORIGINATOR)

    own = {f.id for f in behind.parts.community.feeds.values() if f.unit == UNIT_OF_FEED}
    assert {s for s in reads if s.endswith("-value") and "feed." in s} == {
        f"{topics.feed(feed)}-value" for feed in own
    }
    assert f"{topics.intake(ORIGINATOR)}-value" in publishes
    assert f"{topics.intake(ORIGINATOR)}-value" not in reads
    assert _subject(behind) not in publishes
    assert "lali.Summary" in reads


async def test_another_units_subject_is_as_absent_as_one_that_never_was(behind):
    foreign, never = _subject(behind, "fiji-tcu-investigate"), "nothing-value"
    for below in BELOW_A_SUBJECT:
        answers = []
        for subject in (foreign, never):
            status, headers, body = await behind.call(
                "GET", f"/subjects/{subject}{below}", UNIT_OF_FEED
            )
            kept = {k: v for k, v in headers.items() if k.lower() != "date"}
            answers.append((status, kept, body))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
        assert answers[0][2]["error_code"] == 40401
    for path in ("config", "mode"):
        status, body = await _get(behind, f"/{path}/{foreign}")
        assert (status, body["error_code"]) == (404, 40401)


async def test_schema_ids_are_those_that_occur_in_the_callers_topics(behind):
    seen = set()
    for entry in catalogue():
        status, body = await _get(behind, f"/schemas/ids/{entry.schema_id}", ORIGINATOR)
        if status == 200:
            seen.add(entry.name)
            assert json.loads(body["schema"]) == entry.avro
        else:
            assert (status, body["error_code"]) == (404, 40403)
    feeds = {f.id for f in behind.parts.community.feeds.values() if f.unit == ORIGINATOR}
    inside = {entry.name for entry in catalogue() if entry.name in SCHEMA_NAMES.values()}
    assert len(inside) == 15
    assert seen == inside | {"alert"} | ({"release"} if feeds else set())
    assert "audit-entry" not in seen


async def test_a_credential_without_the_right_to_read_sees_no_feed(behind):
    headers = behind.headers(UNIT_OF_FEED, (Right.FOLLOW,))
    assert await _get(behind, "/subjects", None, headers=headers) == (200, [])
    status, body = await _get(
        behind, f"/subjects/{_subject(behind)}/versions", None, headers=headers
    )
    assert (status, body["error_code"]) == (404, 40401)


async def test_without_a_credential_nothing_is_told(behind):
    for path in ("/subjects", "/schemas/ids/1", "/schemas/ids/999", "/config", "/mode"):
        status, _, body = await behind.call("GET", path)
        assert (status, body["code"]) == (401, "UNAUTHENTICATED")


async def test_versions_are_numbered_as_in_the_catalogue_and_latest_is_the_last(behind):
    subject = _subject(behind)
    versions = [entry.version for entry in catalogue() if entry.name == "release"]
    assert await _get(behind, f"/subjects/{subject}/versions") == (200, versions)
    _, last = await _get(behind, f"/subjects/{subject}/versions/latest")
    newest = catalogue().latest("release")
    assert (last["subject"], last["version"], last["id"]) == (
        subject, newest.version, newest.schema_id,
    )  # fmt: skip
    assert json.loads(last["schema"]) == newest.avro
    assert await _get(behind, f"/subjects/{subject}/versions/-1") == (200, last)
    assert await _get(behind, f"/subjects/{subject}/versions/latest/schema") == (200, newest.avro)
    for absent in ("99", "0", "x"):
        status, body = await _get(behind, f"/subjects/{subject}/versions/{absent}")
        assert (status, body["error_code"]) == (404, 40402)


async def test_an_id_says_where_it_is_used_as_far_as_the_caller_may_know(behind):
    newest = catalogue().latest("release")
    path = f"/schemas/ids/{newest.schema_id}"
    _, subjects = await _get(behind, f"{path}/subjects")
    _, versions = await _get(behind, f"{path}/versions")
    _, all_subjects = await _get(behind, "/subjects")
    assert subjects == [s for s in all_subjects if "feed." in s]
    assert versions == [{"subject": s, "version": newest.version} for s in subjects]
    assert await _get(behind, f"{path}/schema") == (200, newest.avro)


async def test_the_registry_says_that_it_is_read_only_and_registers_nothing(behind):
    subject = _subject(behind)
    assert await _get(behind, "/mode") == (200, {"mode": "READONLY"})
    assert await _get(behind, "/config") == (200, {"compatibilityLevel": "FULL"})
    assert await _get(behind, f"/config/{subject}") == (200, {"compatibilityLevel": "FULL"})
    assert await _get(behind, "/schemas/types") == (200, ["AVRO"])
    for each in (subject, "nothing-value"):
        status, _, body = await behind.call(
            "POST", f"/subjects/{each}/versions", UNIT_OF_FEED, json={"schema": '"string"'}
        )
        assert (status, body["error_code"]) == (422, 42205)
    status, *_ = await behind.call("DELETE", f"/subjects/{subject}", UNIT_OF_FEED)
    assert status == 405


async def test_a_schema_is_looked_up_and_not_registered(behind):
    newest = catalogue().latest("release")
    cases = [
        (_subject(behind), json.dumps(newest.avro), 200, None),
        (_subject(behind), '"string"', 404, 40403),
        (_subject(behind), "{", 422, 42201),
        ("nothing-value", json.dumps(newest.avro), 404, 40401),
    ]
    for subject, schema, status, code in cases:
        got, headers, body = await behind.call(
            "POST", f"/subjects/{subject}", UNIT_OF_FEED, data=json.dumps({"schema": schema}),
            headers={"Content-Type": MEDIA_TYPE},
        )  # fmt: skip
        assert (got, body.get("error_code")) == (status, code)
        assert headers["Content-Type"] == MEDIA_TYPE
        assert status != 200 or (body["id"], body["version"]) == (newest.schema_id, newest.version)
