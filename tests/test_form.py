"""The form of civil society, on a real gateway with the roles and a real Kafka behind it."""

import asyncio
import html
import json
import re
from base64 import b64decode
from datetime import UTC, datetime

import pytest
import pytest_asyncio
import structlog
from forming import OTHER_UNIT, REPORT, UNIT, Person, key_of
from gatewaying import Behind, draft, settings_of

from broker.gateway.caller import Right
from broker.gateway.form.pages import STYLE, STYLE_PATH
from broker.gateway.identity.api_keys import key_file

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka]

TCU, TCU_FEED = "fiji-tcu", "fiji-tcu-investigate"
HOSTILE = "\"><script>alert(1)</script>'{{7*7}}</textarea>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("form")
    settings = settings_of(kafka, "form.", folder, gateway_emergency="Fiji 917 & more")
    async with Behind(settings) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def person(behind):
    """Somebody of the organisation, signed in."""
    async with Person(behind.url) as found:
        await found.sign_in(key_of(behind).text)
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(behind):
    async with Person(behind.url) as found:
        yield found


def _unlike(page):
    return re.sub(r'name="token" value="\w+"', "", page.body)


async def test_a_stranger_is_asked_for_a_key_and_learns_nothing_else(stranger):
    page = await stranger.get()
    assert page.status == 401
    assert 'name="key"' in page.body
    assert "headline" not in page.body
    assert "Basic" not in page.headers["WWW-Authenticate"]


async def test_the_local_emergency_number_comes_first(stranger, person):
    for page in (await stranger.get(), await person.get()):
        assert "call your local emergency number first: Fiji 917 & more." in page.text


async def test_a_wrong_key_and_one_that_may_not_report_look_the_same(behind, stranger):
    wrong = await stranger.sign_in("lali_000000000000_" + "x" * 43)
    police = await stranger.sign_in(key_of(behind, "fiji-police").text)
    narrowed = await stranger.sign_in(key_of(behind, rights=[Right.FOLLOW]).text)
    assert [each.status for each in (wrong, police, narrowed)] == [401, 401, 401]
    assert _unlike(wrong) == _unlike(police) == _unlike(narrowed)
    assert not stranger.cookie


async def test_the_session_cookie_is_out_of_reach_and_holds_no_secret(behind, stranger):
    key = key_of(behind)
    page = await stranger.sign_in(f"  {key.text}\n")
    assert (page.status, page.headers["Location"]) == (303, "/report")
    cookie = page.cookies["lali-report"]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "strict"
    assert not cookie["max-age"]
    assert key.text.rpartition("_")[2] not in b64decode(cookie.value, b"-_").decode("latin-1")
    assert (await stranger.get()).status == 200


async def test_behind_tls_the_cookie_never_travels_in_the_clear(behind, stranger):
    page = await stranger.get("/report/sign-in", **{"X-Forwarded-Proto": "https"})
    cookie = page.cookies["__Host-lali-sign-in"]
    assert cookie["secure"]
    assert cookie["path"] == "/"


async def test_pages_are_stored_by_nobody_and_run_no_script(person):
    for path in ("/report", "/report/mine", "/report/sign-in", "/report/sent/none"):
        page = await person.get(path)
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
        assert "<script" not in page.body
        assert " style=" not in page.body


async def test_the_form_and_its_style_weigh_less_than_20_kilobytes(person):
    page = await person.get()
    assert STYLE_PATH in page.body
    assert len(page.body.encode()) + len(STYLE) < 20_000
    style = await person.get(STYLE_PATH)
    assert style.body.encode() == STYLE


@pytest.mark.parametrize("path", ["/report/review", "/report/send"])
async def test_without_the_mark_of_a_page_nothing_happens_and_nothing_is_lost(behind, person, path):
    page = await person.post(path, REPORT)
    assert page.status == 400
    assert f'value="{REPORT["headline"]}"' in page.body
    assert behind.doors.standings.own(UNIT, 100) == []


async def test_the_mark_of_a_foreign_session_is_none(behind, person):
    async with Person(behind.url) as other:
        await other.sign_in(key_of(behind).text)
        foreign = (await other.get()).token
    page = await person.post("/report/send", {**REPORT, "token": foreign})
    assert page.status == 400
    assert behind.doors.standings.own(UNIT, 100) == []


async def test_another_site_cannot_send_the_form(behind, person):
    form = await person.get()
    page = await person.post(
        "/report/send", {**form.hidden(), **REPORT}, Origin="https://evil.example"
    )
    assert page.status == 400
    assert behind.doors.standings.own(UNIT, 100) == []


async def test_a_session_is_ours_or_none(behind, person):
    cookie = person.cookie
    said = json.loads(b64decode(cookie, b"-_")[32:])
    assert said["identity"].startswith("key:")
    for spoilt in (cookie[:-4] + "AAAA", "A" + cookie[1:], cookie[:40], "", "ä", "a" * 5000):
        async with Person(behind.url) as other:
            page = await other.get(Cookie=f"lali-report={spoilt}".encode().decode("latin-1"))
            assert page.status == 401


async def test_a_revoked_key_ends_the_session_and_what_was_typed_waits_for_another(
    behind, stranger
):
    key = key_of(behind)
    await stranger.sign_in(key.text)
    form = await stranger.get()
    key_file(behind.settings).revoke(key.entry.id, datetime.now(UTC))
    page = await stranger.post("/report/review", {**form.hidden(), **REPORT})
    assert page.status == 401
    assert (await stranger.get("/report/mine")).status == 401
    kept = page.hidden()
    assert kept["headline"] == [REPORT["headline"]]
    again = await stranger.post("/report/sign-in", {**kept, "key": key_of(behind).text})
    assert again.status == 200
    assert f'value="{REPORT["headline"]}"' in again.body
    assert (await stranger.post("/report/review", {**again.hidden(), **REPORT})).status == 200


async def test_signing_out_ends_the_session_for_a_copy_of_its_cookie_too(behind, person):
    cookie = person.cookie
    form = await person.get()
    page = await person.post("/report/sign-out", {"token": form.token})
    assert page.headers["Location"] == "/report/sign-in"
    async with Person(behind.url) as thief:
        assert (await thief.get(Cookie=f"lali-report={cookie}")).status == 401


async def test_mistakes_are_told_field_by_field_and_what_was_typed_stays(person):
    page = await person.reviewed(
        headline="", country="Atlantis", phone="12", scope=[], count="many", child="NO",
        age_2="AGE_9_17", text="stays as it is",
    )  # fmt: skip
    assert page.status == 422
    for field in ("headline", "country", "phone", "scope", "count", "age_2"):
        assert f'href="#{field}"' in page.body
        assert f'id="{field}"' in page.body or f"id={field}" in page.body
        assert f'id="{field}-e"' in page.body
    assert "stays as it is</textarea>" in page.body
    assert 'value="Atlantis"' in page.body
    assert "value=RestrictsMovement checked" in page.body


async def test_hostile_input_stays_text_on_every_page(behind, person):
    fields = dict.fromkeys(("headline", "text", "place", "employer", "suspects"), HOSTILE)
    wrong = await person.reviewed(**fields, country=HOSTILE)
    right = await person.reviewed(**fields)
    form = await person.post("/report", right.hidden())
    async with Person(behind.url) as other:
        signed_out = await other.post("/report/review", right.hidden())
    for page in (wrong, right, form, signed_out):
        assert HOSTILE in html.unescape(page.body)
        assert "<script" not in page.body
        assert "49" not in page.text
        assert page.body.count("</textarea>") == page.body.count("<textarea")


async def test_the_review_says_in_plain_words_who_would_see_what(person):
    page = await person.reviewed()
    assert page.status == 200
    assert "Nothing is sent yet" in page.text
    assert re.search(r"Police duty desks \(1\)\s+your text", page.text)
    border = re.search(r"Border desks \(1\)\s+([^\n]*)", page.text)[1]
    assert "your text" not in border
    assert "who the people affected are" not in border
    for unit in ("fiji-tcu", "Fiji police", "ptccc", "samoa"):
        assert unit not in page.body


async def test_names_in_the_text_are_shown_before_anything_is_sent(person):
    page = await person.reviewed(text="Mere Vakatale and SYNTHETIC Ikuna ask at +679 330 9999.")
    assert "“Mere Vakatale” may be somebody's name" in page.text
    assert "looks like a person's name" in page.text
    assert "looks like a phone number" in page.text


async def test_what_nobody_may_see_without_consent_is_said(person):
    page = await person.reviewed(consent="REFUSED", scope=[])
    told = re.search(r"Nobody would see:\s+([^\n]*)", page.text)[1]
    assert "your text" in told
    assert "who the people affected are" in told


async def test_a_report_is_published_once_however_often_it_is_sent(behind, person):
    review = await person.reviewed()
    pages = await asyncio.gather(*(person.post("/report/send", review.hidden()) for _ in range(4)))
    (address,) = {page.headers["Location"] for page in pages}
    alert_id = address.rpartition("/")[2]
    shown = await behind.shown(alert_id, TCU_FEED, TCU)
    assert len(shown) == 1
    assert shown[0]["label"]["source_type"] == "CIVIL_SOCIETY"
    assert shown[0]["label"]["caveats"] == ["NO_IMMIGRATION_ENFORCEMENT"]
    page = await person.post("/report/send", review.hidden())
    assert page.headers["Location"] == address
    changed = await person.post("/report/send", {**review.hidden(), "headline": "Another"})
    assert changed.status == 409
    assert 'value="Another"' in changed.body
    review = await person.post("/report/review", {**changed.hidden(), **REPORT})
    new = await person.post("/report/send", review.hidden())
    assert new.status == 303
    assert new.headers["Location"] != address


async def test_consent_decides_what_recipients_see(behind, person):
    agreed = await person.sent()
    refused = await person.sent(consent="REFUSED", scope=[])
    seen = {
        alert_id: (await behind.shown(alert_id, TCU_FEED, TCU))[0]["compartments"]
        for alert_id in (agreed, refused)
    }
    assert seen[agreed]["victims"]["persons"][0]["names"] == [REPORT["name_1"]]
    assert seen[agreed]["summary"]["headline"] == REPORT["headline"]
    assert not {"victims", "summary", "contact"} & {k for k, v in seen[refused].items() if v}
    assert seen[refused]["conveyances"]["items"][0]["name"] == REPORT["conveyance_name"]


async def test_an_organisation_sees_what_became_of_its_reports_and_takes_one_back(behind, person):
    alert_id = await person.sent()
    await behind.shown(alert_id, TCU_FEED, TCU)
    receipt = {"alert_id": alert_id, "revision": 1, "state": "ACKNOWLEDGED"}
    path = f"/v1/feeds/{TCU_FEED}/receipts"
    status, *_ = await behind.call("POST", path, TCU, json={"receipts": [receipt]})
    assert status == 202
    page = await _until(person, alert_id, "Being looked at")
    assert "One recipient said that they are looking at it" in page.text
    assert "tcu" not in page.body.lower()
    listed = await person.get("/report/mine")
    assert alert_id in listed.body
    assert "Made to work, or not free to leave work" in listed.text
    confirm = await person.get(f"/report/sent/{alert_id}/consent")
    unmarked = await person.post(f"/report/sent/{alert_id}/consent", {})
    assert unmarked.status == 400
    done = await person.post(f"/report/sent/{alert_id}/consent", {"token": confirm.token})
    assert done.status == 303
    await _until(person, alert_id, "Withdrawn")
    kinds = [each["kind"] for each in await _recalled(behind, alert_id)]
    assert kinds[-1] == "RECALL"
    again = await person.post(f"/report/sent/{alert_id}/consent", {"token": confirm.token})
    assert again.status == 303


async def _until(person, alert_id, state):
    async with asyncio.timeout(120):
        while True:
            page = await person.get(f"/report/sent/{alert_id}")
            if f'"state">{state}<' in page.body:
                return page
            await asyncio.sleep(0.2)


async def _recalled(behind, alert_id):
    async with asyncio.timeout(120):
        while True:
            found = await behind.shown(alert_id, TCU_FEED, TCU)
            if found[-1]["kind"] == "RECALL":
                return found
            await asyncio.sleep(0.2)


async def test_a_report_of_another_organisation_is_as_absent_as_one_that_is_not(behind, person):
    alert_id = await person.sent()
    absent = "00000000-0000-4000-8000-000000000000"
    async with Person(behind.url) as other:
        await other.sign_in(key_of(behind, OTHER_UNIT).text)
        token = (await other.get()).token
        for tail in ("", "/withdraw", "/consent"):
            pages = [await other.get(f"/report/sent/{each}{tail}") for each in (alert_id, absent)]
            assert {page.status for page in pages} == {404}
            assert pages[0].body == pages[1].body
        for each in (alert_id, absent, "no-id"):
            page = await other.post(f"/report/sent/{each}/withdraw", {"token": token})
            assert page.status == 404
        assert alert_id not in (await other.get("/report/mine")).body
    assert (await person.get(f"/report/sent/{alert_id}")).status == 200


async def test_a_key_that_may_only_report_follows_nothing(behind, stranger):
    await stranger.sign_in(key_of(behind, rights=[Right.REPORT]).text)
    alert_id = await stranger.sent()
    page = await stranger.get(f"/report/sent/{alert_id}")
    assert page.status == 200
    assert "recipient" not in page.text
    token = (await stranger.get()).token
    assert (await stranger.get("/report/mine")).status == 404
    withdraw = f"/report/sent/{alert_id}/withdraw"
    assert (await stranger.post(withdraw, {"token": token})).status == 404


async def test_a_body_that_is_no_form_is_refused(person):
    form = await person.get()
    too_many = {f"x{n}": "" for n in range(500)}
    assert (await person.post("/report/review", {"token": form.token, **too_many})).status == 400
    assert (await person.post("/report/review", {"text": "x" * 100_000})).status == 413
    async with person.session.post(person.url + "/report/review", json={}) as answer:
        assert answer.status == 415


async def test_nothing_that_was_typed_is_logged(person):
    with structlog.testing.capture_logs() as logs:
        await person.reviewed(headline="CANARYTEXT", country="CANARYLAND")
        review = await person.reviewed(headline="CANARYTEXT")
        page = await person.post("/report/send", review.hidden())
        await person.sign_in("lali_CANARYKEY")
    assert "CANARY" not in str(logs)
    assert "CANARY" not in page.headers["Location"]


async def test_the_reference_shows_every_operation_of_the_api(behind, stranger):
    page = await stranger.get("/docs")
    assert page.status == 200
    async with stranger.session.get(behind.url + "/openapi.json") as answer:
        document = await answer.json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f'id="{method}{path}"' in page.body
    assert "/report" not in document["paths"]
    assert f"curl {behind.url}/v1/alerts" in page.text


async def test_an_id_that_another_organisation_used_first_tells_nothing_of_its_alert(
    behind, person
):
    alert_id = await behind.publish(OTHER_UNIT, source_type="CIVIL_SOCIETY")
    await behind.shown(alert_id)
    assert (await person.get(f"/report/sent/{alert_id}")).status == 404
    taken = draft(originator=UNIT, alert_id=alert_id)
    status, *_ = await behind.call("POST", "/v1/alerts", UNIT, json=taken)
    assert status == 202
    page = await _until(person, alert_id, "Could not be accepted")
    assert "Nobody has received it" in page.text
    assert "About" not in page.text
    assert "Take it back" not in page.text
