"""A later revision is a newer version of the same STIX report, and a recall revokes it."""

import base64

import orjson
from stix_objects import FEED, faults, recall_of, report_in, view_of

from broker.model.alert import Compartments
from broker.model.release import ReleaseKind
from broker.stix import objects_of
from broker.stix.definition import EXTENSION_ID
from broker.stix.shared import CREATED
from broker.testing import NOON, alert_id_of, make_alert, make_compartments


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
