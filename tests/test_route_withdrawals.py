"""C23: a withdrawal of consent counts whatever revision its originator had seen last."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from region import again
from routing import Lane

from broker.errors import Rejected
from broker.pipeline.checked import check_label
from broker.testing import make_alert

FEEDS = ("alpha", "beta")
BOTH = {"alpha": 3, "beta": 3}


def withdrawal(alert, revision, **label):
    return again(alert, revision, consent="WITHDRAWN", **label)


def sent_again(lane, record):
    """Return the same bytes, published once more."""
    again_there = lane.record(make_alert())
    again_there.key, again_there.value = record.key, record.value
    return again_there


def ends(lane):
    return [(entry["kind"], entry["reason"]) for entry in lane.entries()]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("together", [False, True], ids=["later", "in one transaction"])
def test_c23_a_withdrawal_that_had_not_seen_the_latest_revision_is_no_conflict(number, together):
    lane, alert = Lane(FEEDS), make_alert()
    steps = [(lane.record(again(alert, n)), BOTH) for n in (1, 2, 3)]
    said = (lane.record(withdrawal(alert, number)), BOTH)
    if together:
        lane.take(*steps, said)
    else:
        for step in (*steps, said):
            lane.take(step)

    assert ends(lane) == [("DECIDED", None)] * 4
    last = lane.entries()[-1]
    assert (last["message_type"], last["revision"]) == ("CANCEL", 3)
    assert last["recalled"] == list(FEEDS)
    for feed in FEEDS:
        assert lane.feed(feed)[-1] == (3, "RECALL", 0)
    held = lane.restored().get(alert.label.alert_id.bytes)
    assert held.cancelled
    assert held.withdrawn


def test_c23_whoever_had_not_seen_the_withdrawal_cannot_undo_it():
    lane, alert = Lane(FEEDS), make_alert()
    lane.masks = BOTH
    lane.route(alert, again(alert, 2), withdrawal(alert, 2))
    lane.route(again(alert, 2, urgency="PAST"), again(alert, 3, consent="GIVEN"))

    refused = [("QUARANTINED", reason) for reason in ("REVISION_CONFLICT", "ALREADY_CANCELLED")]
    assert ends(lane)[-2:] == refused
    assert lane.feed("alpha")[-1] == (2, "RECALL", 0)


def test_c23_a_withdrawal_in_its_turn_is_an_update_and_one_sent_again_changes_nothing():
    """A client that does not know whether it was written sends everything again, in order."""
    lane, alert = Lane(FEEDS), make_alert()
    lane.decide(BOTH)
    lane.route(alert)
    lane.decide({"alpha": 1})
    second, third = (lane.record(withdrawal(alert, n)) for n in (2, 3))
    lane.take(second, third)
    held = lane.feed("alpha")[-1]
    assert held == (3, "RELEASE", 1)

    lane.take(sent_again(lane, second), sent_again(lane, third))
    lane.router.ledger = lane.restored()
    lane.take(sent_again(lane, second))
    # Told as ever: nobody holds anything else than before, and nothing was cancelled.
    assert [each[1] for each in ends(lane)[-3:]] == ["REVISION_LOWER", None, "REVISION_LOWER"]
    assert lane.feed("alpha")[-1] == held
    assert not lane.restored().get(alert.label.alert_id.bytes).cancelled


def test_c23_what_accept_repeats_after_a_crash_is_no_second_withdrawal():
    lane, alert = Lane(FEEDS), make_alert()
    lane.masks = BOTH
    records = [lane.record(each) for each in (alert, withdrawal(alert, 2), again(alert, 3))]
    lane.take(*records)
    lane.take(*records)
    assert ends(lane) == [("DECIDED", None)] * 3
    assert lane.feed("alpha")[-1][:2] == (3, "RELEASE")


def test_c23_another_unit_withdraws_nothing():
    lane, alert = Lane(FEEDS), make_alert()
    lane.masks = BOTH
    lane.route(alert, withdrawal(alert, 1, originator="samoa-immigration"))
    assert ends(lane)[-1] == ("QUARANTINED", "ORIGINATOR_CHANGED")
    assert lane.feed("alpha") == [(1, "RELEASE", 3)]


def test_c23_a_withdrawal_reaches_everybody_where_the_ledger_cannot_be_read():
    lane, alert = Lane(FEEDS), make_alert()
    lane.masks = BOTH
    lane.route(alert)
    lane.router.ledger._unreadable.add(alert.label.alert_id.bytes)
    lane.route(withdrawal(alert, 1))
    assert lane.feed("alpha")[-1][1] == lane.feed("beta")[-1][1] == "RECALL"


def test_c23_a_withdrawal_is_taken_however_late():
    alert = make_alert()
    late = int(alert.label.expires_at.timestamp() * 1000) + 1
    check_label(withdrawal(alert, 2).label, late)
    for label in (again(alert, 2).label, make_alert(consent="WITHDRAWN").label):
        with pytest.raises(Rejected, match="EXPIRED_ON_ARRIVAL"):
            check_label(label, late)


@given(
    revisions=st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True).map(sorted),
    number=st.integers(1, 12),
    masks=st.lists(st.sampled_from([BOTH, {"alpha": 1}, {"beta": 3}, {}]), min_size=5, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_c23_behind_a_withdrawal_nobody_holds_what_it_had_not_decided(revisions, number, masks):
    """Invariant c, for consent: the last that each feed has is of the withdrawal, or a recall."""
    lane, alert = Lane(FEEDS), make_alert()
    for revision, mask in zip(revisions, masks, strict=False):
        lane.take((lane.record(again(alert, revision)), mask))
    lane.take((lane.record(withdrawal(alert, number)), masks[-1]))

    assert {kind for kind, _ in ends(lane)} == {"DECIDED"}
    for feed in FEEDS:
        received = lane.feed(feed)
        places = [(revision, kind == "RECALL") for revision, kind, _ in received]
        assert places == sorted(set(places))
        if received:
            revision, kind, _ = received[-1]
            assert kind == "RECALL" or (number > revisions[-1] and revision == number)
