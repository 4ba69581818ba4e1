"""C23: a cancel ends whatever is the latest revision, also one that its originator never saw."""

from hypothesis import given, settings
from hypothesis import strategies as st
from region import again
from routing import Lane

from broker.testing import make_alert

FEEDS = ("alpha", "beta")


@given(
    revisions=st.lists(st.integers(1, 9), min_size=1, max_size=5, unique=True).map(sorted),
    number=st.integers(1, 12),
    together=st.booleans(),
    last=st.sampled_from([{}, {"alpha": 1}, {"alpha": 3, "beta": 1}]),
)
@settings(max_examples=60, deadline=None)
def test_c23_a_cancel_of_any_number_recalls_from_everybody(revisions, number, together, last):
    """Invariant c: whoever received any revision receives the recall."""
    lane, alert = Lane(FEEDS), make_alert()
    masks = [{"alpha": 3, "beta": 3}] * (len(revisions) - 1) + [last]
    steps = [(lane.record(again(alert, n)), m) for n, m in zip(revisions, masks, strict=True)]
    cancel = lane.record(again(alert, number, message_type="CANCEL"))
    repeated = lane.record(again(alert, number, message_type="CANCEL"))
    repeated.value = cancel.value
    if together:
        lane.take(*steps, cancel)
    else:
        for step in (*steps, cancel):
            lane.take(step)
    lane.take(repeated)

    for feed in FEEDS:
        received = lane.feed(feed)
        places = [(revision, kind == "RECALL") for revision, kind, _ in received]
        assert places == sorted(set(places))
        assert not received or received[-1][1] == "RECALL"
    kinds = [entry["kind"] for entry in lane.entries()]
    assert kinds == ["DECIDED"] * (len(revisions) + 1) + ["DUPLICATE"]
    assert lane.restored().get(alert.label.alert_id.bytes).cancelled


def test_c23_what_was_cancelled_stays_so_and_another_unit_cannot_cancel():
    lane, alert = Lane(FEEDS), make_alert()
    lane.masks = {"alpha": 1}
    lane.route(alert)
    lane.route(again(alert, 1, message_type="CANCEL", originator="samoa-immigration"))
    assert lane.entries()[-1]["reason"] == "ORIGINATOR_CHANGED"
    lane.route(again(alert, 1, message_type="CANCEL"))
    assert lane.feed("alpha") == [(1, "RELEASE", 1), (1, "RECALL", 0)]

    lane.route(again(alert, 2))
    assert lane.entries()[-1]["reason"] == "ALREADY_CANCELLED"
    lane.route(again(alert, 2, message_type="CANCEL", urgency="PAST"))
    assert lane.entries()[-1]["reason"] == "ALREADY_CANCELLED"
    assert lane.feed("alpha")[-1] == (1, "RECALL", 0)
