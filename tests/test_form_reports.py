"""A report goes from the form through its review to those who may see it, and can be taken back."""

import asyncio
import re
from uuid import UUID

import pytest
import pytest_asyncio
import structlog
from form_gateway import form_gateway, signed_in
from forming import OTHER_UNIT, REPORT, UNIT, Person, key_of
from gatewaying import draft

from broker.gateway.caller import Right

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.kafka]

TCU, TCU_FEED = "fiji-tcu", "fiji-tcu-investigate"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    async with form_gateway(kafka, tmp_path_factory.mktemp("form"), "form-reports") as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def person(behind):
    async with signed_in(behind) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(behind):
    async with Person(behind.url) as found:
        yield found


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


async def test_c23_consent_can_be_withdrawn_by_form_before_the_latest_revision_is_seen(
    behind, person, monkeypatch
):
    alert_id = await person.sent()
    await behind.shown(alert_id, TCU_FEED, TCU)
    await _until(person, alert_id, "Passed on")
    confirm = await person.get(f"/report/sent/{alert_id}/consent")
    holdings = behind.doors.holdings
    before = {UUID(alert_id): holdings.peek(UUID(alert_id))}
    label = draft(originator=UNIT, revision=2, message_type="UPDATE", alert_id=UUID(alert_id))
    status, _, said = await behind.call("POST", "/v1/alerts", UNIT, json=label)
    assert status == 202, said
    monkeypatch.setattr(holdings, "peek", before.get)  # the gateway's ledger lags
    done = await person.post(f"/report/sent/{alert_id}/consent", {"token": confirm.token})
    monkeypatch.undo()

    assert done.status == 303
    await _until(person, alert_id, "Withdrawn")
    assert [each["kind"] for each in await _recalled(behind, alert_id)][-1] == "RECALL"


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


async def test_nothing_that_was_typed_is_logged(person):
    with structlog.testing.capture_logs() as logs:
        await person.reviewed(headline="CANARYTEXT", country="CANARYLAND")
        review = await person.reviewed(headline="CANARYTEXT")
        page = await person.post("/report/send", review.hidden())
        await person.sign_in("lali_CANARYKEY")
    assert "CANARY" not in str(logs)
    assert "CANARY" not in page.headers["Location"]


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


async def test_a03_a_person_affected_who_is_named_elsewhere_is_confirmed_by_a_box(person):
    named = {"suspects": "SYNTHETIC Ikuna", "place": "behind the house of Ikuna"}
    review = await person.reviewed(**named)
    assert review.status == 200
    assert "is also the name of a person affected" in review.text
    assert 'name="confirm_warnings" value="YES" required' in review.body

    unticked = await person.post("/report/send", review.hidden())
    assert unticked.status == 422
    assert "tick that it is" in unticked.text
    assert "Ikuna" in unticked.text

    ticked = await person.post("/report/send", unticked.hidden() | {"confirm_warnings": "YES"})
    assert ticked.status == 303


async def test_a03_a_report_that_names_nobody_elsewhere_has_no_box(person):
    assert "confirm_warnings" not in (await person.reviewed()).body
