"""A fault at any place of any schema: each field, type and code list in turn is spoilt."""

import copy
from dataclasses import replace

import pytest

from broker.wire.schema import Catalogue, catalogue
from broker.wire.schema_check import check_catalogue

LATEST = [entry for entry in catalogue() if entry is catalogue().latest(entry.name)]


def places(schema, path):
    """Yield each type and field below *schema* with its path, as findings name them."""
    if isinstance(schema, list):
        for branch in schema:
            yield from places(branch, path)
    if isinstance(schema, dict):
        if "name" in schema:
            yield path, schema
        for each in schema.get("fields", ()):
            yield f"{path}.{each['name']}", each
            yield from places(each["type"], f"{path}.{each['name']}")
        yield from places(schema.get("items"), f"{path}[]")


def found_in(entry, change):
    """Return what is found once *change* was made at each place it applies to, with the path."""
    told = []
    for number, (path, _) in enumerate(places(entry.avro, entry.avro["name"])):
        avro = copy.deepcopy(entry.avro)
        _, place = list(places(avro, avro["name"]))[number]
        if change(place):
            told.append((path, check_catalogue(Catalogue([replace(entry, avro=avro)]))))
    return told


def drop_doc(place):
    return place.pop("doc", None) is not None


def drop_unknown_default(place):
    return "symbols" in place and place.pop("default", None) is not None


def move_unknown(place):
    return "symbols" in place and place["symbols"].append(place["symbols"].pop(0)) is None


def drop_null_default(place):
    optional = isinstance(place["type"], list)
    return optional and place.pop("default", 0) is None


def null_last(place):
    return isinstance(place["type"], list) and place["type"].reverse() is None


#: Where each change applies, told otherwise, so that a change that does nothing is noticed.
PLACES = {
    drop_doc: lambda place: True,
    drop_unknown_default: lambda place: place["type"] == "enum",
    move_unknown: lambda place: place["type"] == "enum",
    drop_null_default: lambda place: "null" in place["type"] and place["type"] != "null",
    null_last: lambda place: "null" in place["type"] and place["type"] != "null",
}

UNKNOWN = "UNKNOWN must be the first symbol and the default"
OPTIONAL = "an optional field is a union with null first and null as default"


@pytest.mark.parametrize("entry", LATEST, ids=lambda entry: entry.name)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (drop_doc, "no doc"),
        (drop_unknown_default, UNKNOWN),
        (move_unknown, UNKNOWN),
        (drop_null_default, OPTIONAL),
        (null_last, OPTIONAL),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_fault_at_any_place_is_named_by_its_path(entry, change, fault):
    told = found_in(entry, change)

    for path, findings in told:
        assert f"{entry.name} v{entry.version}: {path}: {fault}" in findings
    assert len(told) == sum(PLACES[change](place) for _, place in places(entry.avro, ""))
