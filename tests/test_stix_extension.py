"""The STIX extension holds the whole release, as its published definition says."""

import json
from pathlib import Path

import jsonschema
import orjson
from hypothesis import given, settings
from release_views import views
from stix_objects import FEED, WRITTEN, faults, view_of

from broker.model.alert import Compartments
from broker.model.content import Conveyance
from broker.model.label import Label
from broker.stix import objects_of
from broker.stix.definition import (
    DEFINITION_FILE,
    EXTENSION_ID,
    SCHEMA_FILE,
    extension_definition,
    extension_schema,
)
from broker.testing import make_alert


def extensions_in(objects):
    return [
        each["extensions"][EXTENSION_ID]
        for each in objects
        if EXTENSION_ID in each.get("extensions", {})
    ]


def test_the_published_definition_is_what_the_code_says():
    assert json.loads((WRITTEN / SCHEMA_FILE).read_text()) == extension_schema()
    assert json.loads((WRITTEN / DEFINITION_FILE).read_text()) == extension_definition()
    assert faults([objects_of(FEED, view_of(make_alert()))[0], extension_definition()]) == []


def test_the_definition_ships_beside_the_schemas():
    assert (Path(WRITTEN) / "README.md").is_file()


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
