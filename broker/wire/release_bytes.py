"""Releases and recalls as bytes, spliced from the alert's own.

Only `broker.pipeline.project` calls this module. A release copies the label and the kept
slots as they stand, so the originator's commitments and signature still hold.
"""

from broker.protect.release_seal import FEED_KEY_BYTES, SLOT_KEYS_BYTES
from broker.wire import varint
from broker.wire.alert_bytes import Slots, keep_slots, label_end_of
from broker.wire.codec import FRAME_BYTES
from broker.wire.schema import catalogue

_FRAME = catalogue().latest("release").frame
#: Since this version an alert ends in its seal: one byte where it has none.
_SEALABLE = catalogue().latest("alert").frame
_RELEASE = _FRAME + varint.encode(1)  # kind: enum index 1
_RECALL = _FRAME + varint.encode(2)
_NULL, _SOME = varint.encode(0), varint.encode(1)
_FEED_KEY = bytes(FEED_KEY_BYTES)


def encode_release(
    value: bytes,
    label_end: int,
    slots: Slots,
    mask: int,
    acknowledge: bytes,
    released_at: bytes,
    closing: bytes,
) -> bytes:
    """Return the release of the framed alert *value* that shows the compartments in *mask*.

    Args:
        value: The framed alert.
        label_end: Where its label ends.
        slots: Where its slots lie.
        mask: The compartments to show; those without content make no difference.
        acknowledge: The obligation, as `encode_acknowledge` gives it.
        released_at: Epoch milliseconds as a varint: one value serves a whole batch.
        closing: What follows the slots: signature, and keys where they are sealed.
    """
    label = value[FRAME_BYTES:label_end]
    revision_end = _after_varint(label, 16)
    return b"".join(
        (
            _RELEASE,
            label[:revision_end],  # alert id and revision, as the label has them
            released_at,
            varint.encode(mask & slots.present),
            acknowledge,
            _SOME,
            label,
            _SOME,
            keep_slots(value, slots, mask),
            closing,
        )
    )


def plain_closing(value: bytes, slots_end: int) -> bytes:
    """Return what follows the slots of a release of the unsealed alert *value*."""
    has_seal_field = value[:FRAME_BYTES] == _SEALABLE
    return value[slots_end : len(value) - has_seal_field] + 4 * _NULL


def sealed_closing(signature: bytes, distribution_commitment: bytes, slot_keys: bytes) -> bytes:
    """Return what follows the slots of a sealed release; its last bytes are each feed's own."""
    return b"".join(
        (signature, _SOME, distribution_commitment, _NULL, _SOME, slot_keys, _SOME, _FEED_KEY)
    )


def end_to_end_closing(
    signature: bytes, distribution_commitment: bytes, wrap: tuple[str, str, bytes] | None
) -> bytes:
    """Return what follows the slots of a release that the hub itself cannot open.

    Args:
        signature: The originator's, encoded.
        distribution_commitment: 32 bytes.
        wrap: Owner, key id and wrapped alert key for the feed's unit, if there is one.
    """
    own = _NULL
    if wrap is not None:
        owner, key_id, wrapped = wrap
        fields = (owner.encode(), key_id.encode(), wrapped)
        own = _SOME + b"".join(varint.sized(each) for each in fields)
    return b"".join((signature, _SOME, distribution_commitment, own, _NULL, _NULL))


def encode_acknowledge(seconds: int | None) -> bytes:
    """Return the obligation to acknowledge as its Avro field."""
    return _NULL if seconds is None else _SOME + varint.encode(seconds)


def encode_recall(alert_id: bytes, revision: int, released_at: bytes, closing: bytes) -> bytes:
    """Return a recall: no label, no content, no reason (docs/decisions/0003).

    Args:
        alert_id: 16 bytes.
        revision: The last revision that it takes back.
        released_at: Epoch milliseconds as a varint.
        closing: The hub's signature, and no keys.
    """
    head = (_RECALL, alert_id, varint.encode(revision), released_at, varint.encode(0))
    return b"".join((*head, _NULL, _NULL, _NULL, closing))


def narrow_release(value: bytes, mask: int) -> bytes:
    """Return the framed release *value* with every compartment outside *mask* dropped.

    Never adds: what the release does not hold stays out. A recall comes back as it is.
    """
    position = FRAME_BYTES
    kind, position = varint.decode(value, position)
    if kind != 1:
        return value
    profile_at = _after_varint(value, _after_varint(value, position + 16))
    profile, after_profile = varint.decode(value, profile_at)
    slots_at = _slots_start(value, after_profile)
    slots = Slots(value, slots_at)
    return b"".join(
        (
            value[:profile_at],
            varint.encode(profile & mask),
            value[after_profile:slots_at],
            keep_slots(value, slots, mask),
            value[slots.end :],
        )
    )


def with_slot_keys(value: bytes, slot_keys: bytes, feed_key: bytes) -> bytes:
    """Return the framed sealed release *value* with other slot keys, under another feed's key."""
    kept = len(value) - (SLOT_KEYS_BYTES + len(_SOME) + FEED_KEY_BYTES)
    return b"".join((value[:kept], slot_keys, _SOME, feed_key))


def _slots_start(value: bytes, position: int) -> int:
    has_acknowledge, position = varint.decode(value, position)
    if has_acknowledge:
        position = _after_varint(value, position)
    attributes = position + 1 + 16  # past the union index and the label's alert id
    for _ in range(3):  # revision and two times
        attributes = _after_varint(value, attributes)
    return label_end_of(value, attributes) + 1


def _after_varint(value: bytes, position: int) -> int:
    while value[position] > 0x7F:
        position += 1
    return position + 1
