"""Versions of a collection's objects: matched as moments, and a recall is the newest."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from taxii_desk import FEED, MOMENT_MS, Desk, desk_with, value_of

from broker.gateway.taxii.asked import Match, written
from broker.model.compartment import ALL_COMPARTMENTS
from broker.model.release import ReleaseKind
from broker.testing import NOON, alert_id_of, make_recall


def _versions(desk, word):
    match = Match(types=frozenset({"report"}), words=frozenset({word}))
    return [each.value["extensions"] and each.version for each in desk.page(match=match).objects]


def test_first_last_and_all_are_told_among_what_may_be_served():
    desk = Desk()
    first = desk.put(0, value_of(1))
    desk.put(0, make_recall(alert_id_of(1), 2).value)
    desk.put(1, value_of(5))
    desk.reach()
    one, recalled = "2026-06-01T12:00:00.000Z", "2026-06-01T12:00:00.001Z"

    assert _versions(desk, "all") == [one, recalled, one]
    assert _versions(desk, "last") == [recalled, one]
    assert _versions(desk, "first") == [one, one]
    desk.permitting.masks[first] = None  # what was recalled is passed over
    assert _versions(desk, "all") == _versions(desk, "first") == [recalled, one]


def test_a_version_is_matched_as_a_moment():
    desk = desk_with([(0, ALL_COMPARTMENTS)])
    moment = int(NOON.timestamp() * 1_000_000)
    match = Match(versions=frozenset({moment}), words=frozenset())

    found = {each.value["type"] for each in desk.page(match=match).objects}
    assert "report" in found
    assert "marking-definition" not in found


@given(added=st.integers(0, 4_000_000_000_000_000))
def test_a_date_is_written_to_the_microsecond_and_read_back(added):
    from broker.gateway.taxii.asked import microseconds

    assert microseconds(written(added), "x") == added


def test_a_recall_in_place_of_a_release_is_newer_whatever_the_clocks_say():
    desk = Desk()
    value = value_of(1)
    place = desk.put(0, value)
    desk.reach()
    (report,) = (e for e in desk.page().objects if e.value["type"] == "report")
    desk.permitting.recalled.add(place)
    # The broker's clock is behind the router's.
    row = desk.shelf.after(FEED, {}, 1)[0]
    assert row.added // 1000 - MOMENT_MS < 10
    desk.shelf._sql.execute("UPDATE shelved SET added=?", (row.added - 60_000_000,))

    (after,) = (e for e in desk.page().objects if e.value["type"] == "report")
    assert after.value["revoked"] is True
    assert after.version > report.version


def test_recalls_are_served_as_they_are():
    desk = Desk()
    desk.put(0, make_recall(alert_id_of(3), 2).value)
    desk.reach()
    (served,) = desk.page().served

    assert served.release.kind is ReleaseKind.RECALL
    assert served.view.released_at == NOON + timedelta(0)
