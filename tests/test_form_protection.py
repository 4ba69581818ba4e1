"""The form opens to a key that may report; neither other sites nor hostile input harm it."""

import html
import json
import re
from base64 import b64decode
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from form_gateway import form_gateway, signed_in
from forming import REPORT, UNIT, Person, key_of

from broker.gateway.caller import Right
from broker.gateway.form.pages import STYLE, STYLE_PATH
from broker.gateway.identity.api_keys import key_file

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka]

HOSTILE = "\"><script>alert(1)</script>'{{7*7}}</textarea>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    async with form_gateway(kafka, tmp_path_factory.mktemp("form"), "form-protection") as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def person(behind):
    async with signed_in(behind) as found:
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


async def test_a_body_that_is_no_form_is_refused(person):
    form = await person.get()
    too_many = {f"x{n}": "" for n in range(500)}
    assert (await person.post("/report/review", {"token": form.token, **too_many})).status == 400
    assert (await person.post("/report/review", {"text": "x" * 100_000})).status == 413
    async with person.session.post(person.url + "/report/review", json={}) as answer:
        assert answer.status == 415


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
