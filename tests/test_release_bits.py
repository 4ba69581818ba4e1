"""Sealed releases: a bit changed anywhere is refused, or changes nothing that was signed."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sealed import (
    OWN,
    SAMOA,
    contents,
    flipped,
    opener,
    reason_of,
    shown,
)
from sealed_releases import BROKEN, own, read, red, to_feeds

from broker.errors import Rejected
from broker.pipeline.open_release import ReleaseOpener, read_verified
from broker.protect.register import Holder
from broker.protect.release_seal import (
    FEED_KEY_BYTES,
    KEY_NUMBER_BYTES,
)
from broker.wire import codec
from broker.wire.sealing import ReleaseParts


@given(st.integers(0, (FEED_KEY_BYTES - KEY_NUMBER_BYTES) * 8 - 1))
def test_a_bit_changed_anywhere_in_a_feeds_key_is_refused(bit):
    start = len(to_feeds()[OWN]) - FEED_KEY_BYTES + KEY_NUMBER_BYTES

    assert reason_of(read, flipped(to_feeds()[OWN], start * 8 + bit)) == BROKEN


#: What the hub says of its own, and no originator signed: when it released, the profile that
#: it showed, how soon to acknowledge; of TLP:RED, whose the key is by name. Changed, they
#: change no content, and nothing that the originator said.
_HUBS_OWN = {"released_at", "acknowledge_within_seconds", "profile"}


def _same_or_refused(value: bytes, bit: int, reader: ReleaseOpener) -> None:
    whole = read_verified(value, reader)
    changed = flipped(value, bit)
    try:
        view = read_verified(changed, reader)
    except Rejected:
        return
    before, after = codec.decode(value, "release"), codec.decode(changed, "release")
    differing = {name for name in before if before[name] != after[name]}
    if view.sealed:  # as if the key were not here: nothing is read
        assert differing <= _HUBS_OWN | {"feed_key", "recipient_key", "slot_keys"}
        assert shown(view) == 0
        assert view.label == whole.label
        return
    assert contents(view) == contents(whole)
    assert (view.alert_id, view.revision) == (whole.alert_id, whole.revision)
    assert differing <= _HUBS_OWN | {"recipient_key"}
    if "recipient_key" in differing:
        assert before["recipient_key"]["wrapped"] == after["recipient_key"]["wrapped"]


@settings(max_examples=600, deadline=None)
@given(st.integers(0, len(to_feeds()[OWN]) * 8 - 1))
def test_a_bit_changed_anywhere_in_a_release_is_refused_or_changes_nothing_that_was_signed(bit):
    _same_or_refused(to_feeds()[OWN], bit, opener(OWN, unwrapper=own(OWN)))


@settings(max_examples=600, deadline=None)
@given(st.integers(0, len(red()) * 8 - 1))
def test_a_bit_changed_in_red_is_refused_or_changes_nothing_that_was_signed(bit):
    _same_or_refused(red(), bit, opener(OWN, unwrapper=own(SAMOA, Holder.UNIT)))


def test_what_comes_before_and_after_the_slots_is_tried_bit_by_bit():
    value = to_feeds()[OWN]
    parts = ReleaseParts(value)
    head = range((parts.slots.start) * 8)
    tail = range(parts.slots.end * 8, len(value) * 8)
    reader = opener(OWN, unwrapper=own(OWN))

    for bit in (*head, *tail):
        _same_or_refused(value, bit, reader)
