"""A draft becomes an alert: people where they are protected, what was not said derived safely."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.model.codes import Answer
from broker.model.content import PROTECTED_ROLES, Role
from broker.model.reason import Reason
from broker.pipeline.publish import LIFETIME, split

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LABEL = {"originator": "fiji-police", "tlp": "AMBER", "source_type": "AGENCY"}
SECRET = "Testimoala"

#: ICAO 9303-4, the specimen of a passport: every check digit matches.
SPECIMEN = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
)


def _split(**parts):
    return split({"label": LABEL, **parts}, clock=lambda: NOW)


def _person(pid, *roles, **fields):
    return {"pid": pid, "roles": roles, **fields}


def _refused(**parts):
    with pytest.raises(Rejected) as refused:
        _split(**parts)
    return refused.value


def test_what_was_not_said_about_identity_and_time_is_set():
    alert = _split()

    assert alert.label.alert_id.version == 4
    assert alert.label.revision == 1
    assert alert.label.originated_at == NOW
    assert alert.label.expires_at == NOW + LIFETIME
    assert _split().label.alert_id != alert.label.alert_id


def test_expiry_counts_from_when_the_originator_wrote():
    written = NOW - timedelta(days=10)

    alert = _split(label=LABEL | {"originated_at": written.isoformat()})

    assert alert.label.expires_at == written + LIFETIME


def test_a_victim_who_is_also_a_suspect_is_a_victim():
    alert = _split(persons=[_person("p1", "SUSPECT", "VICTIM_POSSIBLE"), _person("p2", "SUSPECT")])

    assert [p.pid for p in alert.compartments.victims.persons] == ["p1"]
    assert [p.pid for p in alert.compartments.suspects.persons] == ["p2"]


@given(st.lists(st.lists(st.sampled_from(Role), min_size=1, max_size=4), min_size=1, max_size=6))
def test_nobody_with_a_protected_role_is_ever_among_suspects(roles):
    alert = _split(persons=[_person(f"p{n}", *held) for n, held in enumerate(roles)])

    suspects = alert.compartments.suspects
    victims = alert.compartments.victims
    for person in suspects.persons if suspects else ():
        assert not PROTECTED_ROLES.intersection(person.roles)
    for person in victims.persons if victims else ():
        assert PROTECTED_ROLES.intersection(person.roles)
    held = sum(len(group.persons) for group in (suspects, victims) if group)
    assert held == len(roles)


def test_the_same_person_given_twice_is_refused():
    refused = _refused(persons=[_person("p1", "SUSPECT"), _person("p1", "VICTIM_POSSIBLE")])

    assert (refused.reason, refused.path) == (Reason.FIELD_INVALID, "persons[1].pid")


def test_a_victims_papers_move_to_the_victim_and_a_suspects_stay():
    alert = _split(
        persons=[_person("v", "VICTIM_CONFIRMED"), _person("s", "SUSPECT")],
        documents=[
            {"kind": "PASSPORT", "number": "X1", "holder": "v"},
            {"kind": "VISA", "number": "X2", "holder": "s"},
        ],
    )

    (victim,) = alert.compartments.victims.persons
    assert [document.number for document in victim.documents] == ["X1"]
    assert [document.number for document in alert.compartments.documents.items] == ["X2"]


def test_papers_of_nobody_said_are_refused_where_there_is_a_victim():
    papers = [{"kind": "PASSPORT", "number": SECRET}]

    refused = _refused(persons=[_person("v", "WITNESS")], documents=papers)

    assert (refused.reason, refused.path) == (Reason.FIELD_MISSING, "documents[0].holder")
    assert _split(documents=papers).compartments.documents.items[0].holder is None


def test_papers_of_an_unknown_person_are_refused():
    refused = _refused(documents=[{"kind": "PASSPORT", "holder": "p9"}])

    assert (refused.reason, refused.path) == (Reason.FIELD_INVALID, "documents[0].holder")


@pytest.mark.parametrize("slot", ["victims", "suspects"])
def test_people_are_given_in_one_way_only(slot):
    role = "VICTIM_POSSIBLE" if slot == "victims" else "SUSPECT"

    refused = _refused(
        persons=[_person("p1", role)], compartments={slot: {"persons": [_person("p2", role)]}}
    )

    assert (refused.reason, refused.path) == (Reason.FIELD_INVALID, f"compartments.{slot}")


def test_a_victim_written_among_suspects_is_refused():
    people = {"persons": [_person("p1", "SUSPECT", "WITNESS", names=[SECRET])]}

    refused = _refused(compartments={"suspects": people})

    assert refused.reason is Reason.VICTIM_OUTSIDE_VICTIMS
    assert SECRET not in str(refused)


def test_a_profile_is_derived_and_names_nobody():
    alert = _split(
        persons=[
            _person(
                "v1",
                "VICTIM_POSSIBLE",
                names=[SECRET],
                born_on="2001-05-31",
                gender="FEMININE",
                citizenships=["TO"],
                languages=["ton"],
            ),
            _person("v2", "VICTIM_POSSIBLE", age_band="AGE_9_17", citizenships=["TO", "FJ"]),
            _person("s", "SUSPECT", citizenships=["CN"]),
        ]
    )

    profile = alert.compartments.victim_profile
    assert profile.count == 2
    assert profile.age_bands == ("AGE_24_26", "AGE_9_17")
    assert profile.citizenships == ("FJ", "TO")
    assert profile.languages == ("ton",)
    assert SECRET not in profile.model_dump_json()


def test_a_given_profile_stands():
    alert = _split(
        persons=[_person("v", "VICTIM_POSSIBLE")], compartments={"victim_profile": {"count": 30}}
    )

    assert alert.compartments.victim_profile.count == 30


@pytest.mark.parametrize(
    ("victims", "expected"),
    [
        ([{"minor": "YES"}, {"minor": "NO"}], Answer.YES),
        ([{"born_on": "2008-06-02"}], Answer.YES),
        ([{"born_on": "2008-06-01"}], Answer.NO),
        ([{"born_on": "2008-06-02", "minor": "NO"}], Answer.YES),
        ([{"age_band": "AGE_9_17"}], Answer.YES),
        ([{"age_band": "AGE_24_26"}], Answer.UNKNOWN),
        ([{"minor": "NO"}, {"minor": "NO"}], Answer.NO),
        ([{"minor": "NO"}, {}], Answer.UNKNOWN),
        ([], Answer.UNKNOWN),
    ],
)
def test_minority_is_derived_to_the_protective_side(victims, expected):
    persons = [_person(f"v{n}", "VICTIM_POSSIBLE", **v) for n, v in enumerate(victims)]

    assert _split(persons=persons).label.minor is expected


def test_a_suspect_of_age_makes_nobody_of_age():
    alert = _split(persons=[_person("s", "SUSPECT", minor="NO")])

    assert alert.label.minor is Answer.UNKNOWN


def test_a_profile_of_children_makes_the_alert_one_of_minors():
    alert = _split(compartments={"victim_profile": {"age_bands": ["AGE_0_8"]}})

    assert alert.label.minor is Answer.YES


@pytest.mark.parametrize("said", ["NO", "UNKNOWN"])
def test_a_label_cannot_declare_a_child_of_age(said):
    child = [_person("v", "VICTIM_POSSIBLE", born_on=str(date(2015, 1, 1)))]

    refused = _refused(label=LABEL | {"minor": said}, persons=child)

    assert (refused.reason, refused.path) == (Reason.FIELD_INVALID, "label.minor")


def test_check_digits_are_computed_whatever_the_publisher_says():
    alert = _split(
        compartments={
            "documents": {
                "items": [
                    {"kind": "PASSPORT", "mrz": SPECIMEN, "mrz_valid": False},
                    {"kind": "PASSPORT", "mrz": SPECIMEN[:-1] + "9", "mrz_valid": True},
                ]
            },
            "conveyances": {
                "items": [
                    {"kind": "VESSEL", "imo_number": "9074729"},
                    {"kind": "VESSEL", "imo_number": "9074728", "imo_valid": True},
                    {"kind": "VESSEL", "imo_valid": True},
                ]
            },
        }
    )

    assert [d.mrz_valid for d in alert.compartments.documents.items] == [True, False]
    assert [c.imo_valid for c in alert.compartments.conveyances.items] == [True, False, True]


def test_check_digits_of_a_victims_papers_are_computed_too():
    papers = {"kind": "PASSPORT", "mrz": SPECIMEN, "holder": "v"}

    alert = _split(persons=[_person("v", "VICTIM_POSSIBLE")], documents=[papers])

    assert alert.compartments.victims.persons[0].documents[0].mrz_valid is True


@pytest.mark.parametrize(
    ("parts", "reason", "path"),
    [
        ({"label": {"tlp": "AMBER"}}, Reason.FIELD_MISSING, "label.originator"),
        ({"label": LABEL | {"tlp": "WHITE"}}, Reason.CODE_UNKNOWN, "label.tlp"),
        ({"label": LABEL | {SECRET: 1}}, Reason.FIELD_UNKNOWN, "label.?"),
        ({SECRET: 1}, Reason.FIELD_UNKNOWN, "?"),
        ({"label": "AMBER"}, Reason.FIELD_INVALID, "label"),
        ({"label": LABEL | {"originated_at": SECRET}}, Reason.FIELD_INVALID, "label.originated_at"),
        ({"label": LABEL | {"originated_at": "2026-06-01"}}, None, "label.originated_at"),
        ({"label": LABEL | {"expires_at": "2020-01-01T00:00:00Z"}}, None, "label"),
        ({"persons": [{"roles": ["SUSPECT"]}]}, Reason.FIELD_MISSING, "persons[0].pid"),
        ({"persons": [_person("p", SECRET)]}, Reason.CODE_UNKNOWN, "persons[0].roles[0]"),
        (
            {"compartments": {"movement": {"legs": [{"kind": "TRANSIT", "locode": SECRET}]}}},
            Reason.FIELD_INVALID,
            "compartments.movement.legs[0].locode",
        ),
        ({"compartments": {"indicators": {"controls": [SECRET]}}}, Reason.CODE_UNKNOWN, None),
    ],
)
def test_a_refusal_names_the_field_and_never_the_value(parts, reason, path):
    refused = _refused(**parts)

    assert refused.reason is (reason or refused.reason)
    assert refused.path == (refused.path if path is None else path)
    assert SECRET not in str(refused)
    assert SECRET not in repr(refused)
    assert refused.__cause__ is None
