"""What waits beside a feed: whose fault is told by what passes, and no recall ever goes aside."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.pipeline.breaker import Patience
from broker.pipeline.waiting_room import Item, WaitingRoom

HASTY = Patience(aside_after_seconds=10, aside_at_last_seconds=100)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def item(alert, revision=1, kind=ReleaseKind.RELEASE, partition=0):
    record = SimpleNamespace(partition=partition, timestamp=1, offset=0)
    return Item(Release(kind, bytes([alert]) * 16, revision, 0, b""), record)


def made():
    clock = Clock()
    return WaitingRoom(HASTY, clock), clock


def test_b17_while_nothing_passes_nothing_goes_aside_for_long():
    room, clock = made()
    waiting = room.put(item(1))
    for _ in range(20):
        room.failed(waiting, "HTTP_422", refused=True)
        assert room.aside(waiting) is None
    clock.now = 99
    assert room.aside(waiting) is None
    clock.now = 100
    assert room.aside(waiting) is Reason.LINK_IN_DOUBT


def test_b17_while_others_pass_a_refusal_and_a_lasting_failure_go_aside():
    room, clock = made()
    refused, failing = room.put(item(1)), room.put(item(2))
    for waiting, is_refused in ((refused, True), (failing, False)) * 3:
        room.failed(waiting, "CODE", refused=is_refused)
    room.took(bytes([3]) * 16, after_outage=False)
    assert room.aside(refused) is Reason.RECIPIENT_REFUSED
    assert room.aside(failing) is None
    clock.now = 10
    assert room.aside(failing) is Reason.RECIPIENT_FAILS


def test_b17_a_recall_is_tried_before_whatever_waits_longer():
    room, clock = made()
    room.put(item(1))
    clock.now = 1
    room.put(item(2, 2, ReleaseKind.RECALL))

    assert [each.head.release.identity[0] for each in room.due()] == [2, 1]


def test_b17_after_an_outage_what_failed_in_it_is_tried_at_once():
    room, _ = made()
    waiting = room.put(item(1))
    for _ in range(8):
        room.failed(waiting, "HTTP_503", refused=False)
    assert room.due() == []
    room.took(bytes([3]) * 16, after_outage=True)
    assert room.due() == [waiting]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),
            st.sampled_from(["fail", "refuse", "pass", "wait"]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_b17_no_recall_ever_goes_aside_and_order_stays(steps):
    """Invariant c: whoever received any revision receives the recall, whatever is answered."""
    room, clock = made()
    revisions = {}
    for alert, what, recalls in steps:
        revision = revisions[alert] = revisions.get(alert, 0) + 1
        kind = ReleaseKind.RECALL if recalls else ReleaseKind.RELEASE
        waiting = room.put(item(alert, revision, kind))
        places = [each.release.revision for each in waiting.queue]
        assert places == sorted(places)
        if what == "wait":
            clock.now += 50
        elif what == "pass":
            room.took(waiting.head.release.identity, after_outage=True)
            room.ended(waiting)
        else:
            room.failed(waiting, "CODE", refused=what == "refuse")
            if room.aside(waiting) is not None:
                assert not waiting.head.is_recall
                room.ended(waiting)


def test_what_is_of_a_partition_that_goes_is_others_to_take_up():
    room, _ = made()
    room.put(item(1, partition=0))
    kept = room.put(item(2, partition=1))
    room.forget({0})

    assert list(room) == [kept]
