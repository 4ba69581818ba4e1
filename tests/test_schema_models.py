"""Models and schemas say the same, field by field and in both directions."""

import copy
import types
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Union, get_args, get_origin
from uuid import UUID

import pytest
from pydantic import BaseModel

from broker.model.alert import Alert, Compartments
from broker.model.compartment import COMPARTMENTS
from broker.model.label import Distribution, Label
from broker.model.release import ReleaseView
from broker.wire.alert_codec import SCHEMA_NAMES
from broker.wire.schema import catalogue

#: What only the wire has (proofs, keys, and what the view tells by its contents), and what
#: only a reader has. Nothing else may differ.
RELEASE_WIRE_ONLY = {
    "profile",
    "compartments",
    "signature",
    "distribution_commitment",
    "recipient_key",
    "slot_keys",
    "more_slot_keys",
    "feed_key",
}
RELEASE_VIEW_ONLY = {"compartments", "sealed", "doubt", "record"}
ALERT_WIRE_ONLY = {"signature", "seal"}

PLAIN = {
    str: {"string"},
    int: {"int", "long"},
    float: {"double"},
    bool: {"boolean"},
    bytes: {"bytes"},
}
LOGICAL = {
    UUID: ("fixed", "uuid"),
    datetime: ("long", "timestamp-millis"),
    date: ("int", "date"),
}


def latest(name):
    return catalogue().latest(name).avro


def fields_of(record):
    return {field["name"]: field["type"] for field in record["fields"]}


def named_types(schema, found):
    """Collect the named types of a schema, to which later places refer by name."""
    if isinstance(schema, list):
        for branch in schema:
            named_types(branch, found)
    elif isinstance(schema, dict):
        if "name" in schema:
            found[schema["name"]] = schema
        named_types(schema.get("items"), found)
        for field in schema.get("fields", ()):
            named_types(field["type"], found)
    return found


class Comparison:
    """Says where a model and an Avro record differ, by path."""

    def __init__(self, schema):
        self.named = named_types(schema, {})
        self.told = []

    def records(self, model, record, path="", *, wire_only=(), view_only=()):
        theirs = fields_of(record)
        ours = {n: f for n, f in model.model_fields.items() if n not in view_only}
        for name in ours.keys() ^ (theirs.keys() - set(wire_only)):
            self.told.append(f"{path}{name}: only one has it")
        for name in ours.keys() & theirs.keys():
            self.types(ours[name].annotation, theirs[name], f"{path}{name}")

    def types(self, ours, theirs, path):
        ours, optional = without_none(ours)
        if optional != isinstance(theirs, list):
            self.told.append(f"{path}: optional for one")
        if isinstance(theirs, list):
            theirs = next(branch for branch in theirs if branch != "null")
        if isinstance(theirs, str):
            theirs = self.named.get(theirs.rpartition(".")[2], theirs)
        if get_origin(ours) is tuple:
            self.lists(ours, theirs, path)
        elif issubclass(ours, BaseModel):
            self.nested(ours, theirs, path)
        elif not same(ours, theirs):
            self.told.append(f"{path}: another type or other codes")

    def lists(self, ours, theirs, path):
        if not isinstance(theirs, dict) or theirs["type"] != "array":
            self.told.append(f"{path}: a list for one")
        else:
            self.types(get_args(ours)[0], theirs["items"], f"{path}[]")

    def nested(self, ours, theirs, path):
        if not isinstance(theirs, dict) or theirs["type"] != "record":
            self.told.append(f"{path}: a record for one")
        else:
            self.records(ours, theirs, f"{path}.")


def without_none(annotation):
    """Return the type behind constraints and ``| None``, and whether None was allowed."""
    optional = False
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            (annotation,) = (each for each in get_args(annotation) if each is not type(None))
            optional = True
        else:
            return annotation, optional


def same(ours, theirs):
    if issubclass(ours, Enum):
        codes = [member.value for member in ours]
        return isinstance(theirs, dict) and theirs.get("symbols") == codes
    if ours in LOGICAL:
        return isinstance(theirs, dict) and LOGICAL[ours] == (
            theirs["type"],
            theirs.get("logicalType"),
        )
    return isinstance(theirs, str) and theirs in PLAIN[ours]


def differences(model, schema, record=None, **only):
    comparison = Comparison(schema)
    comparison.records(model, record or schema, **only)
    return sorted(comparison.told)


@pytest.mark.parametrize("name", COMPARTMENTS)
def test_a_compartment_is_what_its_schema_says(name):
    model, _ = without_none(Compartments.model_fields[name.value].annotation)

    assert differences(model, latest(SCHEMA_NAMES[name])) == []


@pytest.mark.parametrize("model", [Label, Distribution])
def test_what_policy_reads_is_what_the_schema_says_in_that_order(model):
    alert = latest("alert")
    record = fields_of(alert)[model.__name__.lower()]

    assert differences(model, alert, record) == []
    assert list(fields_of(record)) == list(model.model_fields)


def test_a_release_is_what_its_schema_says():
    only = {"wire_only": RELEASE_WIRE_ONLY, "view_only": RELEASE_VIEW_ONLY}

    assert differences(ReleaseView, latest("release"), **only) == []


def test_an_alert_has_the_fields_of_its_schema():
    assert set(fields_of(latest("alert"))) - ALERT_WIRE_ONLY == set(Alert.model_fields)


@pytest.mark.parametrize("name", ["alert", "release"])
def test_the_slots_are_the_compartments_in_their_order(name):
    kind = fields_of(latest(name))["compartments"]
    record = kind if isinstance(kind, dict) else next(k for k in kind if k != "null")

    assert list(fields_of(record)) == list(Compartments.model_fields) == list(COMPARTMENTS)


def test_a_release_shows_the_label_as_the_alert_has_it():
    kind = fields_of(latest("release"))["label"]
    shown, label = kind[1], fields_of(latest("alert"))["label"]
    names = [named_types(latest(each), {}) for each in ("release", "alert")]

    assert list(fields_of(shown)) == list(fields_of(label))
    for name, theirs in fields_of(label).items():
        told = (resolved(fields_of(shown)[name], names[0]), resolved(theirs, names[1]))
        assert told[0] == told[1], name


def resolved(kind, named):
    if isinstance(kind, list):
        return [resolved(branch, named) for branch in kind]
    if isinstance(kind, dict) and kind["type"] == "array":
        return ["array", resolved(kind["items"], named)]
    found = named.get(kind.rpartition(".")[2], kind) if isinstance(kind, str) else kind
    return found.get("symbols", found["type"]) if isinstance(found, dict) else found


def spoil(record, name, change):
    field = next(field for field in record["fields"] if field["name"] == name)
    change(record, field)


SPOILT = {
    "a field gone": ("address", lambda record, field: record["fields"].remove(field)),
    "a field more": (
        "address",
        lambda record, field: record["fields"].append(field | {"name": "more"}),
    ),
    "required for one": ("address", lambda _record, field: field.update(type="string")),
    "optional for one": ("pid", lambda _record, field: field.update(type=["null", "string"])),
    "a code gone": ("gender", lambda _record, field: field["type"]["symbols"].pop()),
    "codes turned": ("age_band", lambda _record, field: field["type"]["symbols"].reverse()),
    "a number for a text": ("pid", lambda _record, field: field.update(type="long")),
    "one for many": ("names", lambda _record, field: field.update(type="string")),
    "a day without its meaning": (
        "born_on",
        lambda _record, field: field.update(type=["null", "int"]),
    ),
    "a code of a list gone": (
        "roles",
        lambda _record, field: field["type"]["items"]["symbols"].pop(),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_the_comparison_itself_finds_a_difference(name):
    victims = copy.deepcopy(latest("victims"))
    person = fields_of(victims)["persons"]["items"]
    field, change = SPOILT[name]

    spoil(person, field, change)

    model, _ = without_none(Compartments.model_fields["victims"].annotation)
    (told,) = differences(model, victims)
    assert told.startswith("persons[].")
    assert ("more" if name == "a field more" else field) in told
