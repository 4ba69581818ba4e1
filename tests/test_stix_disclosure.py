"""STIX objects show what the feed may see, nothing more, and accuse nobody."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from stix_objects import FEED, view_of

from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS, compartments_in
from broker.stix import objects_of
from broker.testing import make_alert, make_compartments

CANARY = {name.value: f"CNRY-{name.value}" for name in COMPARTMENTS} | {
    "victim_profile": "CNRY-profile",
    "movement": "FJSUV",  # codes only: there is no room for a canary
}


@given(mask=st.integers(0, ALL_COMPARTMENTS))
@settings(max_examples=150)
def test_no_value_of_an_absent_compartment_appears(mask):
    alert = make_alert(compartments=make_compartments("CNRY"))
    text = orjson.dumps(objects_of(FEED, view_of(alert, mask))).decode()

    shown = {name.value for name in compartments_in(mask)}
    for slot, canary in CANARY.items():
        assert (canary in text) == (slot in shown)


def test_a_document_whose_holder_is_withheld_refers_to_nobody():
    alert = make_alert()
    both = [name.value for name in COMPARTMENTS]
    mask = ALL_COMPARTMENTS & ~(1 << both.index("suspects"))
    objects = objects_of(FEED, view_of(alert, mask))

    (note,) = (each for each in objects if "document" in str(each.get("abstract", "")).lower())
    assert set(note["object_refs"]) <= {each["id"] for each in objects}


def test_no_suspect_is_a_threat_actor_and_no_victim_an_indicator():
    objects = objects_of(FEED, view_of(make_alert()))

    kinds = {each["type"] for each in objects}
    assert kinds == {
        "identity", "extension-definition", "marking-definition", "location", "infrastructure",
        "file", "note", "report",
    }  # fmt: skip
