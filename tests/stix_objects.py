"""Releases to make STIX 2.1 objects of, and the strict validator that reads the objects."""

import json

import orjson
from stix2validator import ValidationOptions, validate_instance

from broker.model.compartment import ALL_COMPARTMENTS
from broker.resources import shipped
from broker.testing import alert_id_of, make_recall, make_release
from broker.wire.alert_codec import decode_release

FEED, OTHER = "samoa-tcu-investigate", "ptccc-coordinate"
STRICT = ValidationOptions(version="2.1", strict=True, strict_properties=True, enforce_refs=True)
WRITTEN = shipped("schemas") / "stix"


def view_of(alert, mask=ALL_COMPARTMENTS):
    return decode_release(make_release(alert, mask).value)


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
