"""B12: no time, key or damaged record stops an installation: bounds, writers and readers."""

import hashlib
import random
from datetime import UTC, datetime, timedelta

import pytest
from avro_records import records_of
from hypothesis import given, settings
from hypothesis import strategies as st
from region import again
from routing import Lane

from broker.audit.log import read_entry
from broker.errors import Rejected
from broker.model.compartment import ALL_COMPARTMENTS
from broker.model.label import Distribution, Label
from broker.model.reason import Reason
from broker.model.release import ReleaseKind
from broker.pipeline.holding import UNREADABLE
from broker.pipeline.holdings import Holdings
from broker.pipeline.ledger import Ledger
from broker.pipeline.project import recall
from broker.pipeline.publish import split
from broker.pipeline.redecide import Handover, Stay, confirmed, redecide
from broker.pipeline.retention import DAY_MS, check_life, retain_until
from broker.protect.recall_seal import RecallStatement
from broker.testing import NOON, alert_id_of, make_alert, make_label, make_release
from broker.wire import codec, record_bytes, varint
from broker.wire.alert_bytes import LAST_MS, read_head
from broker.wire.ledger_codec import Unreadable, read_ledger
from broker.wire.schema import catalogue

NOW = int(NOON.timestamp() * 1000)
ALERT = alert_id_of(5)
KEY = str(ALERT).encode()
END = datetime(9999, 12, 31, tzinfo=UTC)
LEDGER = catalogue().latest("ledger-entry")


def _reason(label, distribution):
    with pytest.raises(Rejected) as caught:
        check_life(Label.model_validate(label), Distribution(**distribution), NOW)
    return caught.value.reason, caught.value.path


@pytest.mark.parametrize(
    ("retention", "days"),
    [("DAYS_30", 30), ("DAYS_90", 90), ("YEAR_1", 365), ("YEARS_5", 1826), ("UNKNOWN", 30)],
)
def test_b12_an_alert_lives_no_longer_than_its_retention_class(retention, days):
    longest = make_label(expires_at=NOON + timedelta(days=days))
    check_life(Label.model_validate(longest), Distribution(retention_class=retention), NOW)
    for end in (NOON + timedelta(days=days, milliseconds=1), END):
        said = _reason(make_label(expires_at=end), {"retention_class": retention})
        assert said == (Reason.EXPIRES_TOO_LATE, "label.expires_at")


def test_b12_an_alert_from_the_future_is_refused_and_a_cancel_never():
    later = {"originated_at": END - timedelta(days=2), "expires_at": END}
    assert _reason(make_label(**later), {}) == (Reason.TIMES_INVALID, "label.originated_at")
    cancel = Label.model_validate(make_label(message_type="CANCEL", **later))
    check_life(cancel, Distribution(), NOW)


def test_b12_a_draft_that_says_no_end_gets_one_that_its_class_lets_it_have():
    label = make_label()
    del label["expires_at"]
    alert = split({"label": label, "distribution": {"retention_class": "DAYS_30"}}, lambda: NOON)
    assert alert.label.expires_at == NOON + timedelta(days=30)
    with pytest.raises(Rejected, match="EXPIRES_TOO_LATE"):
        split({"label": label | {"expires_at": "9999-12-31T00:00:00Z"}}, lambda: NOON)


@given(kept=st.sampled_from([30, 90, 365, 1826]), now=st.integers(0, LAST_MS - 1900 * DAY_MS))
def test_b12_what_an_alert_says_of_its_end_keeps_it_no_longer(kept, now):
    assert retain_until(kept * DAY_MS, now) - now == (kept + 2) * DAY_MS


def test_b12_an_alert_of_the_year_9999_that_got_through_is_kept_as_long_as_its_class():
    lane = Lane(now=NOW)
    lane.masks = {"alpha": 1}
    lane.route(make_alert(expires_at=END, distribution={"retention_class": "DAYS_30"}))

    (held,) = lane.restored()._held.values()
    assert held.retain_until == NOW + 32 * DAY_MS


@given(revision=st.integers(-(1 << 63), (1 << 63) - 1), expires_at=st.integers(-(1 << 63), 1 << 62))
@settings(max_examples=60, deadline=None)
def test_b12_whatever_stands_in_an_alerts_head_what_route_writes_can_be_read(revision, expires_at):
    """A writer writes only what its reader takes: ledger, audit, plan, feed and quarantine."""
    lane = Lane(now=NOW)
    lane.masks = {"alpha": ALL_COMPARTMENTS, "beta": 1}
    record = lane.record(make_alert())
    record.value = _with_head(record.value, revision, expires_at)

    lane.take(record)

    names = {"audit": "audit-entry", "plans": "plan", "quarantine": "quarantine"}
    for topic, pairs in lane.written.items():
        for key, value in pairs:
            if topic == "ledger":
                assert not isinstance(read_ledger(key, value), Unreadable)
                codec.decode(value, codec.name_of(value))
            else:
                codec.decode(value, names.get(topic, "release"))
    assert (lane.router.counts["decided"] == 1) == bool(lane.feed("alpha"))


def _with_head(value, revision, expires_at):
    entry = catalogue().by_id(int.from_bytes(value[1:5], "big"))
    start = read_head(value)[3]
    originated = varint.encode(NOW)
    head = value[:21] + varint.encode(revision) + originated + varint.encode(expires_at)
    assert entry.name == "alert"
    return head + value[start:]


@given(record=records_of(LEDGER.avro), data=st.data())
@settings(max_examples=300, deadline=None)
def test_b12_a_damaged_ledger_entry_ends_no_reader_and_concerns_its_alert_alone(record, data):
    value = _damaged(codec.encode_version(LEDGER, record | {"alert_id": ALERT.bytes}), data)
    other = codec.encode_version(LEDGER, record | {"alert_id": alert_id_of(6).bytes})
    ledger, holdings = Ledger(), Holdings(None, None)
    for reader in (ledger.restore, holdings.take):
        reason = reader(KEY, value)
        assert reader(str(alert_id_of(6)).encode(), other) is None
        if reason is not None:
            assert ledger.is_unreadable(ALERT.bytes)
    assert ledger.get(alert_id_of(6).bytes) is not None
    assert not ledger.is_unreadable(alert_id_of(6).bytes)


def _damaged(value, data):
    cut = value[: data.draw(st.integers(0, len(value)))]
    flips = data.draw(
        st.lists(st.tuples(st.integers(0, max(len(cut) - 1, 0)), st.integers(0, 255)))
    )
    damaged = bytearray(cut)
    for place, byte in flips[:3]:
        if damaged:
            damaged[place] = byte
    return bytes(damaged)


@pytest.mark.parametrize(
    "key",
    [None, b"", b"no uuid", b"\xff\xfe", KEY[:-1], KEY + b"/", KEY + b"x", b"/feed", bytes(36),
     b"ABCDEF00-0005-4000-8000-000000000005", b"intake/unit/0", KEY.replace(b"-", b"+"),
     b"{" + KEY[1:-1] + b"}"],
)  # fmt: skip
@pytest.mark.parametrize("value", [None, b"", b"\x00", b"\x00\x00\x00\x00\xff" * 3])
def test_b12_a_key_that_is_none_ends_no_reader(key, value):
    ledger, holdings = Ledger(), Holdings(None, None)
    assert isinstance(ledger.restore(key, value), Reason)
    assert isinstance(holdings.take(key, value), Reason)
    assert len(ledger) == 0


def test_b12_what_413e12d_could_not_read_back_is_read():
    """An entry whose retention ends beyond the calendar stays in the topic of an installation."""
    tail = record_bytes.ledger_tail(b"", 1, "unit", b"p" * 32, [])
    value = record_bytes.encode_ledger(
        ALERT.bytes, 1, b"d" * 32, LAST_MS, LAST_MS + DAY_MS, b"", tail
    )
    with pytest.raises(Rejected):
        codec.decode_trusted(value, "ledger-entry")
    ledger = Ledger()
    assert ledger.restore(KEY, value) is None
    assert ledger.get(ALERT.bytes).retain_until == LAST_MS + DAY_MS


def test_b12_of_an_alert_that_the_ledger_cannot_tell_nothing_is_released_and_a_cancel_is_told():
    lane, alert = Lane(now=NOW), make_alert(alert_id=ALERT)
    lane.masks = {"alpha": 1}
    lane.router.ledger.restore(KEY, b"\x00")

    lane.route(again(alert, 2))
    assert (lane.feed("alpha"), lane.entries()[-1]["reason"]) == ([], "LEDGER_UNREADABLE")

    lane.route(again(alert, 3, message_type="CANCEL"))
    assert lane.feed("alpha") == lane.feed("beta") == [(3, "RECALL", 0)]
    assert lane.entries()[-1]["recalled"] == ["alpha", "beta"]
    assert not lane.router.ledger.is_unreadable(ALERT.bytes)
    lane.route(make_alert())
    assert lane.feed("alpha")[-1] == (1, "RELEASE", 1)


def test_b12_nothing_is_handed_over_of_what_cannot_be_told_and_a_recall_is_obeyed():
    release = make_release(make_alert(alert_id=ALERT))
    said = recall(RecallStatement("alpha", ALERT.bytes, 1, 0), None)
    assert redecide(release, "alpha", UNREADABLE, None, NOW) == Stay(Reason.LEDGER_UNREADABLE)
    assert confirmed(said, "alpha", UNREADABLE) == Handover(said)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=200, deadline=None)
def test_b12_a_damaged_audit_entry_is_refused_by_name(seed):
    chance = random.Random(seed)
    lane = Lane(now=NOW)
    lane.masks = {"alpha": 1}
    lane.route(make_alert(alert_id=ALERT))
    value = bytearray(lane.written["audit"][0][1])
    value = value[: chance.randrange(len(value))] or bytearray(b"\x00")
    value[chance.randrange(len(value))] = chance.randrange(256)
    try:
        read_entry(bytes(value))
    except Rejected:
        return
    assert hashlib.sha256(value).digest()  # it still reads as an entry


@given(
    released_at=st.integers(0, LAST_MS),
    revision=st.integers(1, 1_000_000),
    number=st.integers(0, 9),
)
def test_b12_a_recall_of_any_moment_is_read_as_it_was_written(released_at, revision, number):
    identity = alert_id_of(number).bytes
    made = recall(RecallStatement("alpha", identity, revision, released_at), None)
    read = codec.decode(made.value, "release")
    assert (read["revision"], read["kind"]) == (revision, ReleaseKind.RECALL)
