"""STIX 2.1 objects of a release: valid, the feed's own, whole, and nothing more."""

import base64
import json
from pathlib import Path

import jsonschema
import orjson
import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st
from release_views import views
from stix2.confidence.scales import admiralty_credibility_to_value
from stix2validator import ValidationOptions, validate_instance
from stix2validator.v21 import enums

from broker.model.alert import Alert, Compartments
from broker.model.codelists import COUNTRIES
from broker.model.codes import Credibility, Reliability, Tlp
from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS, compartments_in
from broker.model.content import Conveyance
from broker.model.label import Label
from broker.model.release import ReleaseKind, ReleaseView
from broker.resources import shipped
from broker.stix import objects_of
from broker.stix.definition import (
    DEFINITION_FILE,
    EXTENSION_ID,
    SCHEMA_FILE,
    extension_definition,
    extension_schema,
)
from broker.stix.identifiers import alert_prefix, prefix_in
from broker.stix.report import LANGUAGES
from broker.stix.shared import BROKER_ID, CREATED, marking, marking_id, shared_ids
from broker.stix.things import MEDIA_TYPES
from broker.testing import (
    NOON,
    alert_id_of,
    make_alert,
    make_compartments,
    make_recall,
    make_release,
)
from broker.wire.alert_codec import decode_release

FEED, OTHER = "samoa-tcu-investigate", "ptccc-coordinate"
STRICT = ValidationOptions(version="2.1", strict=True, strict_properties=True, enforce_refs=True)
SAMPLES = sorted((shipped("schemas") / "alert" / "samples").glob("*.json"))
WRITTEN = shipped("schemas") / "stix"
CANARY = {name.value: f"CNRY-{name.value}" for name in COMPARTMENTS} | {
    "victim_profile": "CNRY-profile"
}


def view_of(alert, mask=ALL_COMPARTMENTS):
    return decode_release(make_release(alert, mask).value)


def sample(file):
    return view_of(Alert.model_validate_json(file.read_text()))


def recall_of(view, revision=2):
    return decode_release(make_recall(view.alert_id, revision).value)


def bundle(objects):
    return {"type": "bundle", "id": f"bundle--{alert_id_of(1)}", "objects": objects}


def faults(objects):
    found = validate_instance(json.loads(orjson.dumps(bundle(objects))), STRICT)
    return [str(each) for each in (*(found.errors or ()), *(found.warnings or ()))]


def report_in(objects):
    (found,) = (each for each in objects if each["type"] == "report")
    return found


def extensions_in(objects):
    return [
        each["extensions"][EXTENSION_ID]
        for each in objects
        if EXTENSION_ID in each.get("extensions", {})
    ]


def refs_in(value):
    """Yield every id that *value* refers to."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name.endswith("_ref"):
                yield each
            elif name.endswith("_refs"):
                yield from each
            else:
                yield from refs_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs_in(each)


# Valid


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_objects_of_every_sample_pass_the_strict_validator(file):
    objects = objects_of(FEED, sample(file))

    assert faults(objects) == []
    stix2.parse(bundle(objects), allow_custom=False)


@given(view=views())
@settings(max_examples=50)
def test_objects_of_any_release_pass_the_strict_validator(view):
    assert faults(objects_of(FEED, view)) == []


@given(view=views())
@settings(max_examples=30)
def test_recalls_pass_the_strict_validator(view):
    assert faults(objects_of(FEED, recall_of(view))) == []


def test_the_validator_of_these_tests_finds_what_is_wrong():
    objects = objects_of(FEED, view_of(make_alert()))
    spoilt = json.loads(orjson.dumps(objects))
    report_in(spoilt)["x_custom"] = 1

    assert faults(spoilt)
    assert faults([{**report_in(spoilt), "modified": "2020-01-01T00:00:00.000Z"}])


@given(view=views())
@settings(max_examples=30)
def test_ids_of_files_are_what_stix_derives(view):
    for each in objects_of(FEED, view):
        if each["type"] == "file":
            unnamed = {name: value for name, value in each.items() if name != "id"}
            assert stix2.parse(unnamed, allow_custom=True).id == each["id"]


# The extension


def test_the_published_definition_is_what_the_code_says():
    assert json.loads((WRITTEN / SCHEMA_FILE).read_text()) == extension_schema()
    assert json.loads((WRITTEN / DEFINITION_FILE).read_text()) == extension_definition()
    assert faults([objects_of(FEED, view_of(make_alert()))[0], extension_definition()]) == []


@given(view=views())
@settings(max_examples=40)
def test_every_extension_is_what_its_definition_says(view):
    checker = jsonschema.Draft202012Validator(json.loads((WRITTEN / SCHEMA_FILE).read_text()))
    for each in extensions_in(objects_of(FEED, view)):
        assert not list(checker.iter_errors(json.loads(orjson.dumps(each))))


@given(view=views())
@settings(max_examples=50)
def test_the_extensions_hold_the_whole_release(view):
    told = extensions_in(objects_of(FEED, view))
    (envelope,) = (each for each in told if "kind" in each)

    assert Label.model_validate(envelope["label"]) == view.label
    rebuilt = Compartments.model_validate(_rebuilt(told, envelope))
    shown = view.compartments
    if shown.evidence:
        assert set(rebuilt.evidence.items) == set(shown.evidence.items)
        same = {"evidence": None}
        assert rebuilt.model_copy(update=same) == shown.model_copy(update=same)
    else:
        assert rebuilt == shown


def _rebuilt(told, envelope):
    found = {name: envelope[name] for name in ("summary", "movement") if name in envelope}
    for each in told:
        match each:
            case {"compartment": slot, "person": person}:
                found.setdefault(slot, {"persons": []})["persons"].append(person)
            case {"conveyance": conveyance}:
                on = conveyance.pop("travels_on", None)
                item = Conveyance.model_validate({**conveyance, "on": on})
                found.setdefault("conveyances", {"items": []})["items"].append(item)
            case {"document": document}:
                found.setdefault("documents", {"items": []})["items"].append(document)
            case {"evidence": evidence}:
                found.setdefault("evidence", {"items": []})["items"].append(evidence)
            case {"compartment": slot}:
                found[slot] = each[slot]
    return found


# Only what the feed may see


@given(mask=st.integers(0, ALL_COMPARTMENTS))
@settings(max_examples=150)
def test_no_value_of_an_absent_compartment_appears(mask):
    alert = make_alert(compartments=make_compartments("CNRY"))
    text = orjson.dumps(objects_of(FEED, view_of(alert, mask))).decode()

    shown = {name.value for name in compartments_in(mask)}
    for slot, canary in CANARY.items():
        assert (canary in text) == (slot in shown)


@given(view=views())
@settings(max_examples=50)
def test_every_reference_is_to_an_object_that_came_before(view):
    for objects in (objects_of(FEED, view), objects_of(FEED, recall_of(view))):
        known = {BROKER_ID}  # it made itself
        for each in objects:
            assert set(refs_in(each)) <= known
            assert each["id"] not in known - {BROKER_ID}
            known.add(each["id"])


def test_a_document_whose_holder_is_withheld_refers_to_nobody():
    alert = make_alert()
    both = [name.value for name in COMPARTMENTS]
    mask = ALL_COMPARTMENTS & ~(1 << both.index("suspects"))
    objects = objects_of(FEED, view_of(alert, mask))

    (note,) = (each for each in objects if "document" in str(each.get("abstract", "")).lower())
    assert set(note["object_refs"]) <= {each["id"] for each in objects}


@given(view=views())
@settings(max_examples=30)
def test_the_same_release_gives_the_same_bytes(view):
    again = ReleaseView.model_validate_json(view.model_dump_json())

    assert orjson.dumps(objects_of(FEED, view)) == orjson.dumps(objects_of(FEED, again))


@given(view=views(), mask=st.integers(0, ALL_COMPARTMENTS))
@settings(max_examples=40)
def test_two_feeds_never_share_an_id_with_different_contents(view, mask):
    seen = {name.value for name in compartments_in(mask)}
    held = {slot: held for slot, held in view.compartments if slot in seen}
    less = view.model_copy(update={"compartments": Compartments.model_validate(held)})

    one = {each["id"]: each for each in objects_of(FEED, view)}
    other = {each["id"]: each for each in objects_of(OTHER, less)}
    for identifier in one.keys() & other.keys():
        assert one[identifier] == other[identifier]
    assert report_in(one.values())["id"] != report_in(other.values())["id"]


@given(view=views())
@settings(max_examples=30)
def test_all_ids_of_an_alert_begin_alike_and_all_others_are_known(view):
    known = shared_ids([view.label.originator], COUNTRIES)
    for each in objects_of(FEED, view):
        if each["type"] != "file" and each["id"] not in known:
            assert prefix_in(each["id"]) == alert_prefix(FEED, view.alert_id)


@pytest.mark.parametrize("text", ["", "report", "report--", "report--x", "--", "r--" + "0" * 32])
def test_what_is_no_id_has_no_prefix(text):
    assert prefix_in(text) is None


# Versions and recalls


def test_a_later_revision_is_a_newer_version_of_the_same_report():
    first = view_of(make_alert(alert_id=alert_id_of(7)))
    later = first.model_copy(update={"revision": 2, "released_at": NOON.replace(hour=13)})
    one, other = (report_in(objects_of(FEED, view)) for view in (first, later))

    assert one["id"] == other["id"]
    assert one["created"] == other["created"] == CREATED
    assert one["modified"] < other["modified"]


def test_the_same_person_in_a_later_revision_keeps_the_id():
    first = view_of(make_alert(alert_id=alert_id_of(7)))
    later = first.model_copy(update={"revision": 2, "released_at": NOON.replace(hour=13)})
    ids = [
        {each["id"] for each in objects_of(FEED, view) if each["type"] == "identity"}
        for view in (first, later)
    ]

    assert ids[0] == ids[1]


def test_a_recall_revokes_the_report_and_says_nothing_else():
    view = view_of(make_alert(compartments=make_compartments("CNRY")))
    before = report_in(objects_of(FEED, view))
    objects = objects_of(FEED, recall_of(view))
    after = report_in(objects)

    assert after["revoked"] is True
    assert (after["id"], after["created"]) == (before["id"], before["created"])
    assert after["modified"] > before["modified"]  # released and recalled in the same millisecond
    assert {each["type"] for each in objects} == {"identity", "extension-definition", "report"}
    text = orjson.dumps(objects).decode()
    assert "CNRY" not in text
    assert view.label.originator not in text


def test_what_is_of_an_unknown_kind_is_handled_like_a_recall():
    view = view_of(make_alert()).model_copy(update={"kind": ReleaseKind.UNKNOWN})

    assert report_in(objects_of(FEED, view))["revoked"] is True


def test_a_sealed_release_is_its_label_and_its_record():
    record = base64.b64encode(b"sealed").decode()
    view = view_of(make_alert()).model_copy(
        update={"compartments": Compartments(), "sealed": True, "record": record}
    )
    objects = objects_of(FEED, view)
    told = report_in(objects)["extensions"][EXTENSION_ID]

    assert faults(objects) == []
    assert (told["sealed"], told["record"]) == (True, record)
    assert "record" not in orjson.dumps(objects_of(FEED, view_of(make_alert()))).decode()


# Markings and grades


@pytest.mark.parametrize("tlp", list(Tlp))
def test_every_object_of_an_alert_has_the_official_marking(tlp):
    objects = objects_of(FEED, view_of(make_alert(tlp=tlp)))
    wanted = marking_id(tlp)

    assert marking(tlp) in objects
    for each in objects:
        if each["type"] == "file" or prefix_in(each["id"]) == prefix_in(report_in(objects)["id"]):
            assert each["object_marking_refs"] == [wanted]


#: As OASIS publishes them in cti-stix-common-objects, tlp-2.0.
OFFICIAL = {
    "TLP:CLEAR": ("94868c89-83c2-464b-929b-a1a8aa3c8487", "clear"),
    "TLP:GREEN": ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "green"),
    "TLP:AMBER": ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", "amber"),
    "TLP:AMBER+STRICT": ("939a9414-2ddd-4d32-a0cd-375ea402b003", "amber+strict"),
    "TLP:RED": ("e828b379-4e03-4974-9ac4-e53a884c97c1", "red"),
}


@pytest.mark.parametrize("tlp", [tlp for tlp in Tlp if tlp is not Tlp.UNKNOWN])
def test_markings_are_the_objects_that_oasis_publishes(tlp):
    found = marking(tlp)
    number, word = OFFICIAL[found["name"]]

    assert found == {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{number}",
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{tlp.value.replace('_', '+')}",
        "extensions": {
            "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                "extension_type": "property-extension",
                "tlp_2_0": word,
            }
        },
    }


def test_a_marking_that_is_not_known_is_red():
    assert marking(Tlp.UNKNOWN)["name"] == "TLP:RED"
    assert marking_id(Tlp.UNKNOWN) == "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"


_ADMIRALTY = {
    Credibility.ONE: "1 - Confirmed by other sources",
    Credibility.TWO: "2 - Probably True",
    Credibility.THREE: "3 - Possibly True",
    Credibility.FOUR: "4 - Doubtful",
    Credibility.FIVE: "5 - Improbable",
}


@pytest.mark.parametrize("reliability", list(Reliability))
@pytest.mark.parametrize("credibility", list(Credibility))
def test_grades_become_confidence_and_what_cannot_be_judged_becomes_none(reliability, credibility):
    alert = make_alert(reliability=reliability, credibility=credibility)
    found = report_in(objects_of(FEED, view_of(alert))).get("confidence")

    if reliability in ("F", "UNKNOWN") or credibility in ("SIX", "UNKNOWN"):
        assert found is None
    else:
        assert found == admiralty_credibility_to_value(_ADMIRALTY[credibility])


@pytest.mark.parametrize("status", ["EXERCISE", "TEST", "UNKNOWN"])
def test_a_drill_says_so_in_its_name(status):
    found = report_in(objects_of(FEED, view_of(make_alert(status=status))))

    assert found["name"].startswith(f"{status}: ")


def test_languages_are_ones_that_stix_takes():
    assert set(LANGUAGES.values()) <= set(enums.LANG_CODES)


def test_media_types_are_registered_ones():
    assert set(enums.media_types()) >= MEDIA_TYPES


def test_no_suspect_is_a_threat_actor_and_no_victim_an_indicator():
    objects = objects_of(FEED, view_of(make_alert()))

    kinds = {each["type"] for each in objects}
    assert kinds == {
        "identity", "extension-definition", "marking-definition", "location", "infrastructure",
        "file", "note", "report",
    }  # fmt: skip


def test_the_definition_ships_beside_the_schemas():
    assert (Path(WRITTEN) / "README.md").is_file()
