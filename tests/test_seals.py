"""Sealed slots: their sizes tell little, and they open under their own key and place only."""

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from sealed import an_alert, flipped, sealed

from broker.model.compartment import COMPARTMENTS
from broker.protect.algorithms import KEY_BYTES
from broker.protect.slot_seal import AlertKeys, SealBroken, bound_to, open_slot, seal_slot
from broker.protect.wrap import alert_info, feed_info
from broker.wire.sealing import AlertParts

KEY = bytes(range(32))
ALERT_ID = bytes(range(16))
BOUND = bound_to(ALERT_ID, 1)
TAG_BYTES = 16
NONCE = bytes(12)

contents = st.binary(max_size=9000)
slots = st.integers(0, 11)


def sealed_by_hand(padded: bytes, slot: bytes = b"summary") -> bytes:
    """Return what somebody with the key sealed in a form of their own."""
    return AESGCM(KEY).encrypt(NONCE, padded, slot + BOUND)


@given(contents, slots)
def test_what_was_sealed_opens_to_the_byte(content, slot):
    assert open_slot(KEY, slot, BOUND, seal_slot(KEY, slot, BOUND, content)) == content


@pytest.mark.parametrize(
    ("length", "size"),
    [
        (0, 256),
        (1, 256),
        (252, 256),
        (253, 512),
        (508, 512),
        (509, 1024),
        (4092, 4096),
        (4093, 8192),
        (8188, 8192),
        (8189, 12288),
    ],
)
def test_sizes_come_in_few_classes(length, size):
    for content in (bytes(length), b"\xff" * length, os.urandom(length)):
        assert len(seal_slot(KEY, 0, BOUND, content)) == size + TAG_BYTES


@given(contents, contents)
def test_a_seal_is_never_shorter_for_more_and_contents_of_a_class_are_alike(one, other):
    shorter, longer = sorted((one, other), key=len)
    sizes = [len(seal_slot(KEY, 0, BOUND, each)) - TAG_BYTES for each in (shorter, longer)]

    assert sizes[0] <= sizes[1]
    for content, size in zip((shorter, longer), sizes, strict=True):
        assert len(content) + 4 <= size
        assert size in {256, 512, 1024, 2048} or size % 4096 == 0


def test_alerts_of_one_kind_have_one_size_whatever_their_names():
    def sizes(mark: str) -> list[int]:
        parts = AlertParts(sealed(an_alert(mark=mark)))
        return [len(parts.slots.content(parts.value, slot)) for slot in range(len(COMPARTMENTS))]

    assert sizes("A") == sizes("A-much-longer-name-of-somebody-or-of-something")


MALFORMED = {
    "nothing": b"",
    "no length": b"\x00\x00\x00",
    "a length alone": bytes(4),
    "no room for what is said": b"\x00\x00\x01\x00" + bytes(252),
    "a length beyond all": b"\xff\xff\xff\xff" + bytes(252),
    "padded too little": b"\x00\x00\x00\x01a" + bytes(10),
    "padded too much": b"\x00\x00\x00\x01a" + bytes(507),
    "padded by one more": b"\x00\x00\x00\x01a" + bytes(252),
    "something in the padding": b"\x00\x00\x00\x01a" + bytes(250) + b"x",
    "a length too short": b"\x00\x00\x00\x01ab" + bytes(250),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_padding_in_another_form_is_refused(what):
    with pytest.raises(SealBroken):
        open_slot(KEY, 0, BOUND, sealed_by_hand(MALFORMED[what]))


def test_padding_as_it_should_be_opens():
    well = b"\x00\x00\x00\x01a" + bytes(251)

    assert open_slot(KEY, 0, BOUND, sealed_by_hand(well)) == b"a"


@given(contents, slots, st.data())
def test_a_bit_changed_anywhere_in_a_seal_is_refused(content, slot, data):
    value = seal_slot(KEY, slot, BOUND, content)
    bit = data.draw(st.integers(0, len(value) * 8 - 1))

    with pytest.raises(SealBroken):
        open_slot(KEY, slot, BOUND, flipped(value, bit))


@given(st.binary(max_size=300))
def test_bytes_that_nobody_sealed_are_refused(value):
    with pytest.raises(SealBroken):
        open_slot(KEY, 0, BOUND, value)


@given(slots, slots, st.integers(1, 5), st.integers(1, 5))
def test_a_seal_opens_in_its_own_place_only(slot, other, revision, later):
    keys = AlertKeys(KEY, ALERT_ID, revision)
    value = keys.seal(slot, b"content")
    assert keys.open(slot, value) == b"content"

    if other != slot:
        with pytest.raises(SealBroken):
            keys.open(other, value)
        with pytest.raises(SealBroken):  # even under the right key
            open_slot(keys.slot_key(slot), other, bound_to(ALERT_ID, revision), value)
    if later != revision:
        with pytest.raises(SealBroken):
            AlertKeys(KEY, ALERT_ID, later).open(slot, value)
        with pytest.raises(SealBroken):
            open_slot(keys.slot_key(slot), slot, bound_to(ALERT_ID, later), value)
    with pytest.raises(SealBroken):
        AlertKeys(KEY, bytes(16), revision).open(slot, value)
    with pytest.raises(SealBroken):
        AlertKeys(bytes(32), ALERT_ID, revision).open(slot, value)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 9))
def test_all_keys_of_an_alert_differ_from_each_other_and_from_those_of_any_other(secret, revision):
    keys = AlertKeys(secret, ALERT_ID, revision)
    others = AlertKeys(secret, ALERT_ID, revision + 1)
    made = {keys.slot_key(slot) for slot in range(len(COMPARTMENTS))} | {keys.share}

    assert len(made) == len(COMPARTMENTS) + 1
    assert all(len(key) == KEY_BYTES for key in made)
    assert secret not in made
    assert made.isdisjoint(
        {others.slot_key(slot) for slot in range(len(COMPARTMENTS))} | {others.share}
    )


def test_slot_keys_are_those_that_were_ever_made():
    # What is sealed must open in every later version: HKDF-Expand (RFC 5869), by hand.
    info = b"lali slots 1" + BOUND
    block, stream = b"", b""
    for number in range(1, len(COMPARTMENTS) + 2):
        block = hmac.digest(KEY, block + info + bytes([number]), hashlib.sha256)
        stream += block

    keys = AlertKeys(KEY, ALERT_ID, 1)
    # The share comes after the twelfth: alerts of twelve slots keep theirs.
    twelve = 12 * KEY_BYTES
    assert keys.first(12) + keys.share + keys.slots[twelve:] == stream


def test_what_a_wrap_is_bound_to_names_one_purpose():
    made = {
        alert_info(ALERT_ID, 1, "0" * 16),
        alert_info(ALERT_ID, 2, "0" * 16),
        alert_info(bytes(16), 1, "0" * 16),
        alert_info(ALERT_ID, 1, "1" * 16),
        feed_info("one", "0" * 16),
        feed_info("other", "0" * 16),
        feed_info("one", "1" * 16),
    }

    assert len(made) == 7
