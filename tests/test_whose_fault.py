"""B15: one list says what bytes deserve, in accept, route, deliver and gateway: the rest waits."""

import errno
import sqlite3
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from broker.errors import OF_BYTES, KeeperUnavailable, LaliError, Rejected
from broker.gateway import serve as serving
from broker.gateway.problems import problem_of
from broker.model.reason import Reason
from broker.pipeline import feed_delivery
from broker.pipeline.accepted import intake_header, read_accepted
from broker.pipeline.breaker import Patience
from broker.pipeline.feed_attempt import Attempt
from broker.pipeline.feed_delivery import FeedDelivery
from broker.pipeline.holding import Holding
from broker.pipeline.known import KnownLabels
from broker.pipeline.project import Projector, narrow, opened, read_release
from broker.pipeline.waiting_room import Item, WaitingRoom
from broker.testing import make_alert, make_release
from broker.wire.alert_codec import encode_alert
from broker.wire.sealing import AlertParts
from broker.wire.topics import Topics

ALERT = make_alert()
VALUE, RELEASE = encode_alert(ALERT), make_release(ALERT).value
KEY = str(ALERT.label.alert_id).encode()


class UnknownTrouble(Exception):
    """Nobody has thought of it."""


OURS = [
    OSError(errno.ENOSPC, "disk full"),
    MemoryError(),
    sqlite3.OperationalError("database is locked"),
    KeyError("a feed that our own code forgot"),
    ValueError(),
    TypeError(),
    IndexError(),
    UnknownTrouble(),
]


def named(fault):
    return type(fault).__name__


def record_of(value, headers=(), key=KEY):
    return SimpleNamespace(
        topic="t", partition=0, offset=7, key=key, value=value, headers=headers, timestamp=1
    )


def test_b15_the_list_has_what_is_refused_on_purpose_and_nothing_that_python_raises():
    assert (Rejected,) == OF_BYTES
    assert issubclass(Rejected, LaliError)
    assert not [fault for fault in OURS if isinstance(fault, OF_BYTES)]


class Ends:
    """Stands for what writes ends: counts them."""

    def __init__(self):
        self.written = []

    def is_forgotten(self, _item):
        return False

    def mark(self, _release):
        return None

    async def set_aside(self, _record, reason):
        self.written.append(("set aside", reason))

    async def park(self, _item, reason, *_):
        self.written.append(("parked", reason))

    async def stay(self, _item, reason, *_):
        self.written.append(("kept back", reason))


class Handing:
    """Stands for handing over: fails so."""

    def __init__(self, fault):
        self.fault = fault

    async def verdict(self, _item):
        raise self.fault


def waiting_in(room):
    release = make_release(ALERT)
    return room.put(Item(release, record_of(release.value)))


@pytest.mark.parametrize("fault", OURS, ids=named)
async def test_b15_deliver_lets_an_alert_wait_and_parks_nothing_for_trouble_of_ours(
    fault,
):
    now, ends = [0.0], Ends()
    hasty = Patience(aside_after_seconds=0.1, aside_at_last_seconds=0.2)
    room = WaitingRoom(hasty, lambda: now[0])
    waiting = waiting_in(room)
    attempt = Attempt("a-feed", Handing(fault), ends)
    with capture_logs() as said:
        for _ in range(20):
            now[0] += 1_000
            failed = await attempt.of(waiting)
            room.failed(waiting, failed.code, refused=failed.refused, ours=failed.ours)
            room.took(b"another alert", after_outage=False)
            assert room.aside(waiting) is None
    assert ends.written == []
    assert room.of(waiting.head.release) is waiting
    (told,) = [each for each in said if each["event"] == "release.waits"]
    assert (told["log_level"], told["code"], told["offset"]) == ("error", named(fault), 7)


async def test_b15_deliver_parks_what_the_bytes_deserve_and_waits_for_a_key_that_is_away():
    ends, room = Ends(), WaitingRoom(Patience())
    waiting = waiting_in(room)
    broken = Attempt("a-feed", Handing(Rejected(Reason.SEAL_BROKEN, "feed_key")), ends)
    assert await broken.of(waiting) is None
    destroyed = Attempt("a-feed", Handing(Rejected(Reason.KEY_DESTROYED, "feed_key")), ends)
    assert await destroyed.of(waiting) is None
    away = Attempt("a-feed", Handing(Rejected(Reason.KEY_UNKNOWN, "feed_key")), ends)
    with pytest.raises(KeeperUnavailable, match="KEY_MISSING"):
        await away.of(waiting)
    assert ends.written == [("parked", Reason.SEAL_BROKEN), ("parked", Reason.KEY_DESTROYED)]


@pytest.mark.parametrize(
    ("given", "reason"), [("damaged", Reason.FRAMING), *[(f, None) for f in OURS]]
)
async def test_b15_deliver_sets_aside_what_is_no_release_and_not_what_it_cannot_read_itself(
    monkeypatch, given, reason
):
    delivery, ends = object.__new__(FeedDelivery), Ends()
    delivery._ends = ends

    def fails(_value):
        raise given

    if reason:
        assert await delivery._to_be_handed_over(record_of(b"damaged")) is None
        assert ends.written == [("set aside", reason)]
        return
    monkeypatch.setattr(feed_delivery, "read_release", fails)
    with pytest.raises(type(given)):
        await delivery._to_be_handed_over(record_of(RELEASE))
    assert ends.written == []


@pytest.mark.parametrize("fault", OURS, ids=named)
async def test_b15_gateway_passes_nothing_over_for_trouble_of_ours(monkeypatch, fault):
    servings = object.__new__(serving.Servings)
    shelved = SimpleNamespace(value=b"damaged", feed="a-feed", partition=0, offset=7)
    with capture_logs() as said:
        assert await servings.serve(shelved) is None  # no release: its neighbours are served
    assert said[0]["event"] == "release.unreadable"

    def fails(_value):
        raise fault

    monkeypatch.setattr(serving, "read_release", fails)
    with pytest.raises(type(fault)):
        await servings.serve(shelved)


@pytest.mark.parametrize("fault", OURS, ids=named)
def test_b15_gateway_answers_trouble_of_ours_as_its_own_and_tells_an_operator(fault):
    with capture_logs() as said:
        assert problem_of(fault).status in (500, 503)
    told = [(each["event"], each["code"]) for each in said]
    locked = isinstance(fault, sqlite3.OperationalError)
    assert told == ([] if locked else [("request.failed", named(fault))])


def test_b15_gateway_waits_for_the_key_of_what_became_less(monkeypatch):
    servings = object.__new__(serving.Servings)
    shelved = SimpleNamespace(feed="a-feed", partition=0, offset=7)

    def no_key(*_, **__):
        raise Rejected(Reason.KEY_UNKNOWN, "feed_key")

    monkeypatch.setattr(servings, "_shown", no_key, raising=False)
    with pytest.raises(KeeperUnavailable):
        servings._readable(shelved, make_release(ALERT), narrowed=True)


def spoilt(value):
    """Cut *value* short anywhere, or change some of its bytes."""
    place = st.integers(0, len(value) - 1)
    cut = place.map(lambda n: value[:n])
    changes = st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=4)

    def changed(pairs):
        other = bytearray(value)
        for where, what in pairs:
            other[where] = what
        return bytes(other)

    return cut | changes.map(changed) | st.binary(max_size=200)


@given(spoilt(VALUE))
def test_b15_whatever_lies_on_alerts_is_read_or_refused(value):
    topics = Topics(partitions=1)
    labels = KnownLabels(lambda *_: None, topics, 0)
    try:
        alert = read_accepted(record_of(value, (intake_header(0, 1),)))
        known = labels.find(alert.value, alert.start)
        label_end, slots = alert.start + known.label_length, alert.start + known.length
        Projector(alert.value, alert.revision, label_end, slots, b"\0").project(1, b"\0")
        AlertParts(alert.value)
    except OF_BYTES:
        return


@given(spoilt(RELEASE))
def test_b15_whatever_lies_on_a_feed_is_read_or_refused(value):
    opener = SimpleNamespace(may_open=lambda _parts: False)
    try:
        release = read_release(value)
        narrow(release, 1)
        opened(release, opener)
    except OF_BYTES:
        return


@given(st.binary(max_size=120), st.binary(max_size=60))
def test_b15_whatever_lies_in_the_ledger_is_read_or_refused(label, distribution):
    holding = Holding(1, False, 0, label, distribution, {})
    try:
        holding.view()
    except OF_BYTES:
        return


async def test_12_01_deliver_waits_for_a_feeds_next_key_and_never_parks_for_it():
    now, ends = [0.0], Ends()
    room = WaitingRoom(Patience(aside_after_seconds=0.1, aside_at_last_seconds=0.2), lambda: now[0])
    waiting = waiting_in(room)
    attempt = Attempt("a-feed", Handing(Rejected(Reason.KEY_EXPIRED, "feed.a-feed")), ends)

    for _ in range(9):
        now[0] += 1000.0
        failed = await attempt.of(waiting)
        room.failed(waiting, failed.code, refused=failed.refused, ours=failed.ours)
        room.took(b"another", after_outage=False)
        assert (failed.code, room.aside(waiting)) == ("KEY_EXPIRED", None)
    assert ends.written == []
