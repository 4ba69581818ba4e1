"""Ids of STIX objects: the feed's own, the same each time, and what they name is there."""

import orjson
import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st
from release_views import views
from stix_objects import FEED, OTHER, recall_of, report_in
from stix_references import refs_in

from broker.model.alert import Compartments
from broker.model.codelists import COUNTRIES
from broker.model.compartment import ALL_COMPARTMENTS, compartments_in
from broker.model.release import ReleaseView
from broker.stix import objects_of
from broker.stix.identifiers import alert_prefix, prefix_in
from broker.stix.shared import BROKER_ID, shared_ids


@given(view=views())
@settings(max_examples=30)
def test_ids_of_files_are_what_stix_derives(view):
    for each in objects_of(FEED, view):
        if each["type"] == "file":
            unnamed = {name: value for name, value in each.items() if name != "id"}
            assert stix2.parse(unnamed, allow_custom=True).id == each["id"]


@given(view=views())
@settings(max_examples=50)
def test_every_reference_is_to_an_object_that_came_before(view):
    for objects in (objects_of(FEED, view), objects_of(FEED, recall_of(view))):
        known = {BROKER_ID}  # it made itself
        for each in objects:
            assert set(refs_in(each)) <= known
            assert each["id"] not in known - {BROKER_ID}
            known.add(each["id"])


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
