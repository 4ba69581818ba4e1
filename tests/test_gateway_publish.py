"""Publishing by HTTP: every form of body, and retries that publish once."""

import asyncio
import gzip
import json
import uuid

import pytest
import pytest_asyncio
from alert_sending import AVRO, AVRO_BATCH, JSON_LINES, framed, send
from gatewaying import ORIGINATOR, Behind, draft, settings_of

from broker.audit.log import read_audit
from broker.testing import make_alert
from broker.wire.alert_codec import encode_alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        yield it


async def logged(behind, alert_id, kind):
    """Return the kinds of an alert's audit entries, once one of them is *kind*."""
    async with asyncio.timeout(120):
        while True:
            log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
            found = [entry.kind for entry in log.entries if str(entry.alert_id) == alert_id]
            if kind in found:
                return found
            await asyncio.sleep(0.2)


# Forms


async def test_one_draft_is_published_and_reaches_its_feed(behind):
    status, headers, body = await send(behind, draft(originator=ORIGINATOR))
    assert (status, body["state"], body["revision"]) == (202, "published", 1)
    assert headers["Location"] == f"/v1/alerts/{body['alert_id']}"
    (item,) = await behind.shown(body["alert_id"])
    assert item["kind"] == "RELEASE"
    assert item["compartments"]["summary"]["headline"] == "SYNTHETIC: a longliner"


async def test_a_draft_needs_neither_id_nor_originator_nor_times(behind):
    short = draft()
    for name in ("alert_id", "revision", "originated_at", "expires_at", "originator"):
        del short["label"][name]
    status, _, body = await send(behind, short)
    assert status == 202, body
    (item,) = await behind.shown(body["alert_id"])
    assert item["label"]["originator"] == ORIGINATOR


@pytest.mark.parametrize("form", ["array", "lines", "lines with crlf"])
async def test_a_batch_of_drafts_is_published_in_its_order(behind, form):
    drafts = [draft(originator=ORIGINATOR) for _ in range(5)]
    ids = [each["label"]["alert_id"] for each in drafts]
    if form == "array":
        status, _, body = await send(behind, drafts)
    else:
        end = "\r\n" if "crlf" in form else "\n"
        lines = "".join(json.dumps(each) + end for each in drafts) + end
        status, _, body = await send(behind, lines.encode(), JSON_LINES)
    assert status == 202, body
    assert (body["published"], body["refused"], body["unavailable"]) == (5, 0, 0)
    assert [each["alert_id"] for each in body["results"]] == ids
    for alert_id in ids:
        assert await behind.shown(alert_id)


async def test_an_alert_that_comes_in_avro_is_published_as_it_is(behind):
    value = framed()
    status, _, body = await send(behind, value, AVRO)
    assert status == 202, body
    assert await behind.shown(body["alert_id"])


async def test_a_batch_in_avro_keeps_what_is_good_of_it(behind):
    good, other = framed(), framed()
    stranger = encode_alert(make_alert(originator="samoa-police"))
    parts = [good, other[:-1], stranger, other]
    body = b"".join(len(each).to_bytes(4, "big") + each for each in parts)
    status, _, body = await send(behind, body, AVRO_BATCH)
    assert status == 207
    assert [each["state"] for each in body["results"]] == [
        "published", "refused", "refused", "published"
    ]  # fmt: skip
    assert body["results"][2]["errors"] == [
        {"path": "label.originator", "code": "ORIGINATOR_DIFFERS"}
    ]
    assert await behind.shown(body["results"][3]["alert_id"])


@pytest.mark.parametrize("kind", ["draft", "avro"])
async def test_a_body_may_come_compressed(behind, kind):
    body = json.dumps(draft(originator=ORIGINATOR)).encode() if kind == "draft" else framed()
    media_type = "application/json" if kind == "draft" else AVRO
    status, _, body = await send(
        behind, gzip.compress(body), media_type, **{"Content-Encoding": "gzip"}
    )
    assert status == 202, body


async def test_of_a_batch_what_is_refused_stops_nothing_else(behind):
    good, bad = draft(originator=ORIGINATOR), draft(originator=ORIGINATOR, tlp="PURPLE")
    status, _, body = await send(behind, [bad, good, 7])
    assert status == 207
    assert [each["state"] for each in body["results"]] == ["refused", "published", "refused"]
    assert body["results"][0]["errors"] == [{"path": "label.tlp", "code": "CODE_UNKNOWN"}]
    assert await behind.shown(good["label"]["alert_id"])


# Retries


async def test_the_same_request_with_its_key_is_taken_once(behind):
    short = {"label": {k: v for k, v in draft()["label"].items() if k not in
             ("alert_id", "originated_at", "expires_at", "revision")}}  # fmt: skip
    key = {"Idempotency-Key": f"case-{uuid.uuid4()}"}
    first = await send(behind, short, **key)
    again = await send(behind, short, **key)
    assert first[0] == again[0] == 202
    assert first[2] == again[2]
    alert_id = first[2]["alert_id"]
    kinds = await logged(behind, alert_id, "DUPLICATE")
    assert kinds.count("DECIDED") == 1
    assert len(await behind.shown(alert_id)) == 1


async def test_a_key_with_another_body_is_refused(behind):
    key = {"Idempotency-Key": "k" + uuid.uuid4().hex}
    assert (await send(behind, draft(originator=ORIGINATOR), **key))[0] == 202
    status, _, said = await send(behind, draft(originator=ORIGINATOR), **key)
    assert (status, said["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


async def test_units_do_not_share_keys(behind):
    key = {"Idempotency-Key": "k" + uuid.uuid4().hex}
    ids = set()
    for unit in (ORIGINATOR, "samoa-police"):
        short = {"label": {"tlp": "AMBER", "source_type": "AGENCY"}}
        status, _, body = await send(behind, short, unit=unit, **key)
        assert status == 202, body
        ids.add(body["alert_id"])
    assert len(ids) == 2


async def test_a_batch_sent_again_publishes_the_same_alerts(behind):
    short = [{"label": {"tlp": "AMBER", "source_type": "AGENCY"}}] * 3
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, again = [await send(behind, short, **key) for _ in range(2)]
    assert first[2] == again[2]
    assert len({each["alert_id"] for each in first[2]["results"]}) == 3


async def test_a_key_holds_across_a_restart_of_the_gateway(behind):
    short = {"label": {"tlp": "AMBER", "source_type": "AGENCY", "urgency": "EXPECTED"}}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = await send(behind, short, **key)
    await behind.close()
    await behind.open()
    again = await send(behind, short, **key)
    assert first[2] == again[2]
    assert (await send(behind, {**short, "compartments": {}}, **key))[0] == 409


async def test_without_a_key_an_id_makes_a_retry_safe(behind):
    written = draft(originator=ORIGINATOR)
    for _ in range(3):
        assert (await send(behind, written))[0] == 202
    alert_id = written["label"]["alert_id"]
    await behind.shown(alert_id)
    kinds = await logged(behind, alert_id, "DUPLICATE")
    assert kinds.count("DECIDED") == 1
    assert "QUARANTINED" not in kinds


async def test_an_id_that_another_unit_uses_takes_nothing_over(behind):
    alert_id = await behind.publish()
    await behind.shown(alert_id)
    thief = draft(originator="samoa-police", alert_id=alert_id, revision=2)
    assert (await send(behind, thief, unit="samoa-police"))[0] == 202
    await logged(behind, alert_id, "QUARANTINED")
    (item,) = await behind.shown(alert_id)
    assert item["label"]["originator"] == ORIGINATOR
    _, _, mine = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
    assert mine["state"] == "ACCEPTED"
    assert [each["revision"] for each in mine["revisions"]] == [1]


async def test_hundreds_at_once_are_all_published(behind):
    answers = await asyncio.gather(
        *(send(behind, draft(originator=ORIGINATOR)) for _ in range(300))
    )
    assert {status for status, _, _ in answers} == {202}
    assert len({body["alert_id"] for _, _, body in answers}) == 300


# What identifies a victim elsewhere, and ages (A1, A3)

VICTIM = {"pid": "p1", "roles": ["VICTIM_POSSIBLE"], "names": ["SYNTHETIC Maraia Testa"]}


def telling(**headline):
    """Return a draft that names a victim in another compartment."""
    named = draft(originator=ORIGINATOR)
    named["persons"] = [VICTIM | {"phones": ["+6797012345"]}]
    named["compartments"]["summary"] = {"headline": "maraia testa seen"} | headline
    return named


async def test_a03_a_likely_name_is_confirmed_for_the_request_or_in_its_draft(behind):
    named = telling()

    status, _, body = await send(behind, named)
    codes = [(each["path"], each["code"]) for each in body["errors"]]
    assert (status, body["code"]) == (422, "WARNINGS_UNCONFIRMED")
    assert codes[0] == ("", "WARNINGS_UNCONFIRMED")
    assert codes[1] == ("compartments.summary.headline", "VICTIM_NAME_ELSEWHERE")
    assert "araia" not in json.dumps(body)

    status, _, body = await send(behind, named | {"confirm_warnings": True})
    assert status == 202, body
    said = {"Content-Type": "application/json"}
    path = "/v1/alerts?confirm_warnings=true"
    status, _, body = await behind.call(
        "POST", path, ORIGINATOR, data=json.dumps(telling()).encode(), headers=said
    )
    assert status == 202, body
    status, _, body = await send(behind, named | {"confirm_warnings": "yes"})
    assert (status, body["code"]) == (422, "FIELD_INVALID")


async def test_a03_in_a_batch_only_the_unconfirmed_is_refused(behind):
    drafts = [telling(), telling() | {"confirm_warnings": True}, draft(originator=ORIGINATOR)]

    status, _, body = await send(behind, drafts)

    assert status == 207
    assert [each["state"] for each in body["results"]] == ["refused", "published", "published"]
    assert body["results"][0]["errors"][1]["code"] == "VICTIM_NAME_ELSEWHERE"


async def test_a03_no_confirmation_helps_a_number_and_the_preview_says_the_same(behind):
    exact = telling(text="Call 701 2345") | {"confirm_warnings": True}
    refusal = [("compartments.summary.text", "VICTIM_IDENTIFIED_ELSEWHERE")]

    for path in ("/v1/alerts", "/v1/alerts:preview"):
        status, _, body = await behind.call("POST", path, ORIGINATOR, json=exact)
        assert status == 422
        assert [(each["path"], each["code"]) for each in body["errors"]] == refusal
    likely = await behind.call("POST", "/v1/alerts:preview", ORIGINATOR, json=telling())
    assert likely[0] == 200
    to_confirm = [each["code"] for each in likely[2]["warnings"] if each.get("confirm")]
    assert to_confirm == ["VICTIM_NAME_ELSEWHERE"]


async def test_a03_framed_avro_is_looked_at_as_drafts_are(behind):
    held = {
        "victims": {"persons": [VICTIM | {"documents": [{"kind": "VISA", "number": "N7654321"}]}]},
        "owners": {"items": [{"owner": "N7654321"}]},
    }
    status, _, body = await send(
        behind, encode_alert(make_alert(originator=ORIGINATOR, compartments=held)), AVRO
    )
    assert (status, body["code"]) == (422, "VICTIM_IDENTIFIED_ELSEWHERE")


async def test_a01_a_child_among_suspects_is_refused_under_a_label_that_says_no(behind):
    child = draft(originator=ORIGINATOR, minor="NO")
    child["persons"] = [
        {"pid": "s", "roles": ["SUSPECT"], "names": ["SYNTHETIC Child"], "minor": "YES"}
    ]
    status, _, body = await send(behind, child)
    assert status == 422
    assert body["errors"] == [{"path": "label.minor", "code": "FIELD_INVALID"}]

    child["label"]["minor"] = "YES"
    status, _, body = await send(behind, child)
    assert status == 202
    (item,) = await behind.shown(body["alert_id"])
    assert "SYNTHETIC Child" not in json.dumps(item["compartments"].get("suspects"))


async def test_c35_text_has_one_rule_over_http_and_its_code_and_path(behind):
    for text, code in (
        ("A\x00B", "TEXT_CONTROL"),
        ("A\r\nB", "TEXT_LINE_BREAK"),
        (" ", "TEXT_BLANK"),
    ):
        spoilt = draft(originator=ORIGINATOR)
        spoilt["compartments"]["summary"] = {"headline": text}
        status, _, body = await send(behind, spoilt)
        assert (status, body["code"]) == (422, code)
        assert body["errors"][0]["path"] == "compartments.summary.headline"
