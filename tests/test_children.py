"""A1, A2 and 12.5: a child anywhere is a child, a date that cannot be makes nobody an adult."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed import FIJI, open_alert, sealed

from broker.errors import Rejected
from broker.model.alert import Alert
from broker.model.bounds import first_day, last_day
from broker.model.check_digits import mrz_digit, mrz_valid
from broker.model.codes import Answer
from broker.model.content import AgeBand, Role
from broker.pipeline.content_check import refuse_content
from broker.pipeline.publish import split
from broker.wire.alert_codec import decode_alert

WRITTEN = "2026-06-01T12:00:00Z"
LABEL = {
    "originator": FIJI,
    "tlp": "AMBER",
    "source_type": "AGENCY",
    "originated_at": WRITTEN,
    "expires_at": "2026-08-01T00:00:00Z",
}
CHILD = [
    {"minor": "YES"},
    {"born_on": "2012-03-04"},
    {"born_on": "2012-03-04", "minor": "NO"},
    {"age_band": "AGE_9_17"},
    {"age_band": "AGE_0_8", "minor": "NO"},
]
#: Default dates of other systems, the spreadsheet's year 2010, and who would be too old.
NO_BIRTH_DATES = [
    "0001-01-01", "1753-01-01", "1899-12-30", "1900-01-01", "1904-01-01", "1905-07-02",
    "1911-11-11", "1970-01-01", "1980-01-01", "1925-01-31",
]  # fmt: skip


def person(pid="p1", role="VICTIM_POSSIBLE", **fields):
    return {"pid": pid, "roles": [role], "names": [f"SYNTHETIC {pid}"]} | fields


def zone(born, number="N1234567"):
    """Return a valid machine readable zone of who was *born* then (YYMMDD)."""
    number = number.ljust(9, "<")
    middle = f"{number}{mrz_digit(number)}FJI{born}{mrz_digit(born)}F300101{mrz_digit('300101')}"
    optional = "<" * 14 + "0"
    composite = mrz_digit(middle[:10] + middle[13:20] + middle[21:28] + optional)
    made = f"{'P<FJITESTA<<MARAMA':<<44}\n{middle}{optional}{composite}"
    assert mrz_valid(made)
    return made


def made(*persons, label=None, **parts):
    return split({"label": LABEL | (label or {}), "persons": persons, **parts})


def refused(*persons, **parts):
    with pytest.raises(Rejected) as caught:
        made(*persons, **parts)
    return caught.value.reason.value, caught.value.path


@pytest.mark.parametrize("fields", CHILD)
@pytest.mark.parametrize("role", ["SUSPECT", "FACILITATOR", "CONVICTED", "ASSOCIATE"])
def test_a01_a_child_among_suspects_makes_the_alert_a_childs_and_is_protected(fields, role):
    alert = made(person(role=role, **fields))

    assert alert.label.minor is Answer.YES
    assert alert.compartments.suspects is None
    (child,) = alert.compartments.victims.persons
    assert child.roles == (Role.VICTIM_POSSIBLE, Role(role))
    for said in ("NO", "UNKNOWN"):
        where = refused(person(role=role, **fields), label={"minor": said})
        assert where == ("FIELD_INVALID", "label.minor")


def test_a01_adults_and_suspects_of_whom_nothing_is_known_stay_where_they_are():
    adult = made(person(minor="NO"), person("s", "SUSPECT"), person("t", "SUSPECT", minor="NO"))

    assert adult.label.minor is Answer.NO
    assert len(adult.compartments.suspects.persons) == 2


def test_a01_a_suspect_who_may_be_a_child_leaves_the_alert_unknown():
    alert = made(person(minor="NO"), person("s", "SUSPECT", born_on="1970-01-01"))

    assert alert.label.minor is Answer.UNKNOWN


def test_a01_a_childs_passport_makes_a_child_of_its_holder():
    paper = {"kind": "PASSPORT", "mrz": zone("120304"), "holder": "s"}

    alert = made(person("s", "SUSPECT"), documents=[paper])

    assert alert.label.minor is Answer.YES
    assert alert.compartments.suspects is alert.compartments.documents is None
    assert alert.compartments.victims.persons[0].documents[0].mrz_valid


def test_a01_a_childs_passport_among_loose_documents_is_refused():
    loose = {"documents": {"items": [{"kind": "PASSPORT", "mrz": zone("120304")}]}}
    adult = {"documents": {"items": [{"kind": "PASSPORT", "mrz": zone("880304")}]}}

    assert refused(compartments=loose, label={"minor": "NO"}) == ("FIELD_INVALID", "label.minor")
    where = "CHILD_OUTSIDE_VICTIMS", "compartments.documents.items[0].mrz"
    assert refused(compartments=loose) == where
    assert made(compartments=adult).label.minor is Answer.UNKNOWN


@pytest.mark.parametrize("fields", CHILD)
def test_a01_a_child_written_into_suspects_is_refused(fields):
    held = {"suspects": {"persons": [person("s", "SUSPECT", **fields)]}}

    where = "CHILD_OUTSIDE_VICTIMS", "compartments.suspects.persons[0]"
    assert refused(compartments=held) == where
    assert refused(compartments=held, label={"minor": "NO"}) == ("FIELD_INVALID", "label.minor")


@pytest.mark.parametrize("slot", ["victims", "suspects", "victim_profile"])
def test_a01_accept_opens_and_finds_the_child(slot):
    """What a unit sealed by itself is not taken on its label's word."""
    role = "SUSPECT" if slot == "suspects" else "VICTIM_POSSIBLE"
    held = {"persons": [person("p", role, minor="YES")]}
    held = {"age_bands": ["AGE_0_8"]} if slot == "victim_profile" else held
    label = LABEL | {"minor": "NO", "alert_id": "00000000-0000-4000-8000-000000000001"}
    alert = Alert.model_validate({"label": label, "compartments": {slot: held}})

    with pytest.raises(Rejected, match=r"FIELD_INVALID at label\.minor"):
        refuse_content(decode_alert(open_alert(sealed(alert)).plain))


def test_a01_a_cancel_is_taken_whatever_it_holds():
    held = {"suspects": {"persons": [person("s", "SUSPECT", minor="YES")]}}
    label = LABEL | {"minor": "NO", "alert_id": "00000000-0000-4000-8000-000000000001"}
    label |= {"message_type": "CANCEL"}

    refuse_content(Alert.model_validate({"label": label, "compartments": held}))


@pytest.mark.parametrize("born_on", NO_BIRTH_DATES)
def test_a02_a_birth_date_that_cannot_be_makes_nobody_an_adult(born_on):
    alert = made(person(born_on=born_on), person("p2", born_on=born_on, minor="NO"))

    assert alert.label.minor is Answer.UNKNOWN
    assert alert.compartments.victim_profile.age_bands == ()


def test_a02_the_first_of_january_may_stand_for_the_year():
    assert made(person(born_on="2008-01-01")).label.minor is Answer.UNKNOWN
    assert made(person(born_on="2008-01-02")).label.minor is Answer.NO
    assert made(person(born_on="2007-01-01")).label.minor is Answer.NO
    assert made(person(born_on="2009-01-01")).label.minor is Answer.YES


@pytest.mark.parametrize(
    ("parts", "reason", "path"),
    [
        ({"persons": [person(born_on="2026-06-03")]}, "BIRTH_DATE_INVALID", "victims.persons[0]"),
        ({"persons": [person(born_on="9999-12-31")]}, "BIRTH_DATE_INVALID", "victims.persons[0]"),
        (
            {"persons": [person("s", "SUSPECT", born_on="2100-01-01", minor="NO")]},
            "BIRTH_DATE_INVALID",
            "victims.persons[0]",  # who is born tomorrow is no adult suspect either
        ),
        ({"documents": [{"kind": "VISA", "expires_on": "9999-12-31"}]},
         "DOCUMENT_DATE_INVALID", "documents.items[0].expires_on"),
        ({"documents": [{"kind": "VISA", "expires_on": "0001-01-01"}]},
         "DOCUMENT_DATE_INVALID", "documents.items[0].expires_on"),
        ({"compartments": {"conveyances": {"items": [{"kind": "FLIGHT", "on": "1970-01-01"}]}}},
         "EVENT_DATE_INVALID", "conveyances.items[0].on"),
        ({"compartments": {"movement": {"legs": [
            {"kind": "TRANSIT", "arrives_at": "1899-12-30T00:00:00Z"}]}}},
         "EVENT_DATE_INVALID", "movement.legs[0].arrives_at"),
        ({"compartments": {"movement": {"legs": [
            {"kind": "TRANSIT", "departs_at": "2226-06-01T00:00:00Z"}]}}},
         "EVENT_DATE_INVALID", "movement.legs[0].departs_at"),
        ({"distribution": {"embargo_until": "9999-12-31T00:00:00Z"}}, "EMBARGO_INVALID", ""),
    ],
)  # fmt: skip
def test_a02_every_date_has_its_bounds_and_its_reason(parts, reason, path):
    with pytest.raises(Rejected) as caught:
        split({"label": LABEL, **parts})

    assert caught.value.reason == reason
    assert path in caught.value.path


def test_a02_dates_that_can_be_are_taken():
    alert = made(
        person(born_on="1930-02-28"),
        person("p2", born_on="2026-06-02", names=[]),  # born today, where today begins first
        documents=[{"kind": "PASSPORT", "expires_on": "2036-05-31", "holder": "p1"}],
        compartments={"conveyances": {"items": [{"kind": "FLIGHT", "on": "2027-01-01"}]}},
    )

    assert alert.label.minor is Answer.YES


APIA, PAGO_PAGO, KIRITIMATI, FURTHEST = (timezone(timedelta(hours=h)) for h in (13, -11, 14, -12))


@pytest.mark.parametrize("zone_", [APIA, PAGO_PAGO, KIRITIMATI, FURTHEST])
def test_12_5_a_child_is_one_until_the_birthday_has_come_everywhere(zone_):
    """East of the date line the day is up to 26 hours ahead of where it ends last."""
    birthday = datetime(2026, 6, 1, tzinfo=FURTHEST)
    before = (birthday - timedelta(minutes=1)).astimezone(zone_)
    eighteen = person(born_on="2008-06-01")

    assert made(eighteen, label={"originated_at": before.isoformat()}).label.minor is Answer.YES
    assert made(eighteen, label={"originated_at": birthday.isoformat()}).label.minor is Answer.NO


@pytest.mark.parametrize("zone_", [APIA, KIRITIMATI])
def test_12_5_local_midnight_of_the_birthday_makes_no_adult_yet(zone_):
    midnight = datetime(2026, 6, 1, tzinfo=zone_).isoformat()

    child = made(person(born_on="2008-06-01"), label={"originated_at": midnight})

    assert child.label.minor is Answer.YES
    assert child.compartments.victim_profile.age_bands == (AgeBand.AGE_9_17,)


def test_12_5_who_was_born_today_in_kiritimati_was_not_born_tomorrow():
    moment = datetime(2026, 6, 1, 0, 30, tzinfo=KIRITIMATI)

    born = made(person(born_on="2026-06-01"), label={"originated_at": moment.isoformat()})

    assert moment.astimezone(UTC).date() == date(2026, 5, 31)
    assert born.label.minor is Answer.YES


@given(st.datetimes(timezones=st.just(UTC)), st.dates())
def test_a02_no_moment_and_no_date_break_the_judgement(moment, born_on):
    """Never NO of who is under 18 anywhere on earth, whatever dates come; never a crash."""
    assert last_day(moment) <= moment.date() <= first_day(moment)
    until = (
        min(moment + timedelta(days=1), datetime.max.replace(tzinfo=UTC))
        if (moment.year < 9999)
        else moment
    )
    try:
        alert = made(
            person(born_on=born_on.isoformat()),
            label={"originated_at": moment.isoformat(), "expires_at": until.isoformat()},
        )
    except Rejected:
        return
    if alert.label.minor is Answer.NO:
        last = last_day(moment)
        assert (last.year - born_on.year, last.month, last.day) >= (18, born_on.month, born_on.day)
