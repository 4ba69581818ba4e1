"""STIX 2.1 objects of every release pass the standard's strict validator."""

import json

import orjson
import pytest
import stix2
from hypothesis import given, settings
from release_views import views
from stix2validator.v21 import enums
from stix_objects import FEED, bundle, faults, recall_of, report_in, view_of

from broker.model.alert import Alert
from broker.resources import shipped
from broker.stix import objects_of
from broker.stix.report import LANGUAGES
from broker.stix.things import MEDIA_TYPES
from broker.testing import make_alert

SAMPLES = sorted((shipped("schemas") / "alert" / "samples").glob("*.json"))


def sample(file):
    return view_of(Alert.model_validate_json(file.read_text()))


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


def test_languages_are_ones_that_stix_takes():
    assert set(LANGUAGES.values()) <= set(enums.LANG_CODES)


def test_media_types_are_registered_ones():
    assert set(enums.media_types()) >= MEDIA_TYPES
