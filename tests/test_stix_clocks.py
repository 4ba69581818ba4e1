"""Versions of a STIX object only grow, whatever the clocks of the routers that wrote them."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from taxii_desk import ALL, MOMENT_MS, Desk

from broker.pipeline.project import encode_moment, recall
from broker.protect.recall_seal import RecallStatement
from broker.stix.frame import next_version, version_of
from broker.testing import NOON, alert_id_of, make_alert, make_release

ALERT = alert_id_of(7)
TEN_MINUTES_MS = 600_000


def _recall(revision, moment_ms):
    return recall(RecallStatement("a-feed", ALERT.bytes, revision, moment_ms), None).value


def _release(revision, moment_ms):
    value = make_release(make_alert(alert_id=ALERT, revision=revision)).value
    own = encode_moment(MOMENT_MS)
    assert value.count(own) >= 1
    return value.replace(own, encode_moment(moment_ms))


def _reports(desk):
    found = [each for each in desk.page(match=ALL).objects if each.value["type"] == "report"]
    return [(each.version, each.value.get("revoked", False)) for each in found]


def test_c32_a_recall_from_a_router_whose_clock_is_behind_is_newer_than_its_release():
    desk = Desk()
    desk.put(1, _release(1, MOMENT_MS + TEN_MINUTES_MS))
    desk.put(1, _recall(1, MOMENT_MS))
    desk.put(1, _release(2, MOMENT_MS))
    desk.reach()

    versions = _reports(desk)

    assert [revoked for _, revoked in versions] == [False, True, False]
    assert versions == sorted(versions, key=lambda each: each[0])
    assert len({version for version, _ in versions}) == 3


@given(st.lists(st.tuples(st.integers(-TEN_MINUTES_MS, TEN_MINUTES_MS), st.booleans())))
def test_c32_versions_rise_whatever_the_clocks_say(steps):
    records = [
        (NOON + timedelta(milliseconds=ahead), "RECALL" if recalls else "RELEASE")
        for ahead, recalls in steps
    ]
    versions = []
    for number, (moment, kind) in enumerate(records):
        least = next_version(records[:number])
        own = version_of(moment, kind)
        versions.append(max(own, least or own))

    assert versions == sorted(set(versions))
