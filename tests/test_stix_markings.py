"""STIX objects carry what the label says of its alert: TLP marking, grade, exercise."""

import pytest
from stix2.confidence.scales import admiralty_credibility_to_value
from stix_objects import FEED, report_in, view_of

from broker.model.codes import Credibility, Reliability, Tlp
from broker.stix import objects_of
from broker.stix.identifiers import prefix_in
from broker.stix.shared import marking, marking_id
from broker.testing import make_alert


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
