"""What is typed into the form becomes an alert that is taken, or is told to be mended."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from forming import REPORT
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from broker.gateway.form.capitals import possible_names
from broker.gateway.form.drafting import draft_of
from broker.gateway.form.mistakes import mistakes_in
from broker.gateway.form.questions import AGREED, CLASSES, SEVERALS, SINGLES, TEXTS
from broker.gateway.form.session import LIFE_MS, Sessions
from broker.gateway.form.typed import typed_in
from broker.model import codes
from broker.model.codelists import COUNTRIES
from broker.model.community import Unit
from broker.model.country_names import NAMES, country_of
from broker.pipeline.publish import split

UNIT = Unit(
    id="lagoon-house", name="Lagoon House", organisation="lagoon-house-trust",
    kind="CIVIL_SOCIETY", country="FJ", publishes=True,
)  # fmt: skip
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = date(2026, 11, 24)


def typed(**changed):
    fields = REPORT | changed
    return typed_in({n: [v] if isinstance(v, str) else list(v) for n, v in fields.items()})


def alert_of(found):
    draft = draft_of(found, UNIT)
    draft["label"]["originator"] = UNIT.id
    return split(draft, lambda: NOW)


def fields_told(**changed):
    return [mistake.field for mistake in mistakes_in(typed(**changed), TODAY, UNIT)]


_likely = {
    "country": st.sampled_from(["Fiji", "fj", "Tuvalu"]),
    "origin": st.sampled_from(["", "Nepal, India", "PNG; Tonga"]),
    "count": st.sampled_from(["", "1", "40"]),
    "seen_on": st.sampled_from(["", "2026-01-31"]),
    "phone": st.sampled_from(["", "330 1234", "+6797001234"]),
}
_texts = st.fixed_dictionaries({}, optional={
    name: st.lists(_likely.get(name, st.text(max_size=most + 1)) | st.text(max_size=12), max_size=1)
    for name, most in TEXTS.items()
})  # fmt: skip
_chosen = st.fixed_dictionaries({}, optional={
    name: st.lists(st.sampled_from([each.value for each in choices]), max_size=3)
    for name, choices in {**SINGLES, **SEVERALS}.items()
})  # fmt: skip


@settings(max_examples=400)
@given(_texts, _chosen)
def test_whatever_is_typed_is_taken_or_told_to_be_mended(texts, chosen):
    found = typed(**{**texts, **chosen})
    if not mistakes_in(found, TODAY, UNIT):
        alert_of(found)


@settings(max_examples=300)
@given(_chosen)
def test_nothing_said_is_loosened(chosen):
    found = typed(**chosen)
    assume(not mistakes_in(found, TODAY, UNIT))
    alert = alert_of(found)
    label, wishes = alert.label, alert.distribution
    if label.consent.value not in AGREED:
        assert wishes.consent_scope == ()
    allowed = {each for scope in found.all("scope") for each in CLASSES[scope]}
    assert set(wishes.consent_scope) <= allowed
    assert (label.minor is codes.Answer.NO) <= (found.one("child") == "NO")
    assert codes.Caveat.NO_IMMIGRATION_ENFORCEMENT in label.caveats
    assert label.tlp is codes.Tlp.AMBER


def test_an_ordinary_report_becomes_the_alert_that_it_describes():
    alert = alert_of(typed(scope=["POLICE", "CHILD_PROTECTION"], seen_on="2026-11-01"))
    label, held = alert.label, alert.compartments
    assert (label.at_risk, label.urgency) == ("YES", "EXPECTED")
    assert label.consent == "GIVEN"
    assert alert.distribution.consent_scope == ("POLICE", "TCU", "CHILD_PROTECTION")
    assert (label.countries_origin, label.countries_destination) == (("ID", "PH"), ("FJ",))
    assert held.victims.persons[0].names == (REPORT["name_1"],)
    assert held.victim_profile.count == 6
    assert held.suspects.persons[0].names == (REPORT["suspects"],)
    assert held.contact.phone == "+6793301234"
    assert [leg.country for leg in held.movement.legs] == ["ID", "PH", "FJ"]


@pytest.mark.parametrize(("danger", "at_risk", "urgency"), [
    ("NOW", "YES", "IMMEDIATE"), ("SOON", "YES", "EXPECTED"), ("NO", "NO", "FUTURE"),
    ("PAST", "NO", "PAST"), ("UNKNOWN", "UNKNOWN", "UNKNOWN"),
])  # fmt: skip
def test_danger_is_told_in_the_codes_of_the_alert(danger, at_risk, urgency):
    label = alert_of(typed(danger=danger)).label
    assert (label.at_risk, label.urgency) == (at_risk, urgency)


def test_an_unknown_age_stays_a_childs_and_a_child_by_age_is_one():
    assert alert_of(typed(child="UNKNOWN")).label.minor == "UNKNOWN"
    assert alert_of(typed(child="UNKNOWN", age_1="AGE_9_17")).label.minor == "YES"
    assert fields_told(child="NO", age_1="AGE_9_17") == ["age_1"]


def test_a_consent_that_is_not_given_drops_the_ticks_below_it():
    assert alert_of(typed(consent="REFUSED")).distribution.consent_scope == ()
    assert fields_told(scope=[]) == ["scope"]
    assert fields_told(consent="NOT_APPLICABLE") == ["consent"]


@pytest.mark.parametrize("changed", [
    {"headline": ""}, {"kinds": []}, {"danger": ""}, {"child": ""}, {"consent": ""},
    {"country": "Atlantis"}, {"origin": "Fiji, Atlantis"}, {"seen_on": "soon"},
    {"seen_on": "2026-11-25"}, {"count": "-1"}, {"count": "²"}, {"phone": "none"},
    {"headline": "x" * 151}, {"suspects": "\n".join("abcdefghijkl")}, {"conveyance": ""},
], ids=str)  # fmt: skip
def test_what_must_be_mended_is_told_at_its_field(changed):
    assert fields_told(**changed) == list(changed)


def test_a_choice_that_the_form_does_not_have_is_none():
    found = typed(consent="UNKNOWN", kinds=["TERRORISM"], scope=["POLICE", "EVERYBODY"])
    assert found.all("consent") == found.all("kinds") == ()
    assert found.all("scope") == ("POLICE",)


def test_signs_that_nobody_types_are_dropped():
    found = typed(headline="a\x00b\u202ec\ud800d", text="one\r\ntwo\tthree")
    assert found.one("headline") == "abcd"
    assert found.one("text") == "one\ntwo three"


def test_every_country_is_known_by_its_name_and_its_code():
    assert set(NAMES) == COUNTRIES
    for code, name in NAMES.items():
        assert country_of(name.upper()) == code
        assert country_of(f" {code.lower()} ") == code
    assert country_of("the  Philippines") == "PH"
    assert country_of("Côte d’Ivoire") == "CI"
    assert country_of("Atlantis") is None


def test_two_words_with_capitals_may_be_a_name_unless_something_explains_them():
    text = "Ana Tupou fled. The Fiji Police met Mr. Singh at Walu Bay on the Sea Star."
    assert possible_names(text, ["Walu Bay wharf", "Sea Star 7"]) == ["Ana Tupou", "Mr. Singh"]
    assert possible_names("Crew of a boat in Papua New Guinea cannot leave it.", []) == []


class Signed:
    """Which sessions were signed out, in memory."""

    def __init__(self):
        self.ended = set()

    def folder(self):
        return b"folder"

    def has(self, number):
        return number in self.ended

    async def add(self, number, _ends, _now):
        self.ended.add(number)


@given(st.binary(min_size=32, max_size=32), st.data())
def test_a_cookie_counts_only_as_it_was_made_and_only_for_its_time(secret, data):
    sessions = Sessions(lambda: secret, Signed())
    session = sessions.begin("key:0123456789ab", 1000)
    cookie = sessions.written(session)
    assert sessions.read(cookie, 1000 + LIFE_MS - 1) == session
    assert sessions.read(cookie, 1000 + LIFE_MS) is None
    assert Sessions(lambda: bytes(32), Signed()).read(cookie, 1000) is None or secret == bytes(32)
    place = data.draw(st.integers(0, len(cookie) - 1))
    other = data.draw(st.sampled_from("ABab01-_=").filter(lambda sign: sign != cookie[place]))
    spoilt = cookie[:place] + other + cookie[place + 1 :]
    assert sessions.read(spoilt, 1000) in (None, session)
    asyncio.run(sessions.end(session, 1000))
    assert sessions.read(cookie, 1000) is None


@given(st.binary(min_size=32, max_size=32), st.text(max_size=130))
def test_the_mark_of_a_page_is_its_sessions_own_and_never_looks_the_same(secret, guess):
    sessions = Sessions(lambda: secret, Signed())
    one, other = sessions.begin("key:a", 0), sessions.begin("key:a", 0)
    token = sessions.token(one)
    assert sessions.is_genuine(token, one)
    assert not sessions.is_genuine(token, other)
    assert not sessions.is_genuine(guess, one)
    assert token != sessions.token(one)
