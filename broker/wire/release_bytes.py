"""Releases and recalls as bytes, spliced from the alert's own.

Only `broker.pipeline.project` calls this module. A release copies the label and the kept
slots as they stand, so the originator's commitments and signature still hold.
"""

from broker.protect.release_seal import FEED_KEY_BYTES
from broker.wire import varint
from broker.wire.alert_bytes import Slots, keep_slots, label_end_of
from broker.wire.codec import FRAME_BYTES
from broker.wire.cutting import cutting
from broker.wire.layout import LATEST, Layout, layout_of

_RELEASE = varint.encode(1)  # kind: enum index 1
_RECALL = LATEST.release + varint.encode(2)
#: Size of the field `slot_keys`; what is beyond it is in `more_slot_keys`.
_SLOT_KEYS_FIELD = 400
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
            slots.layout.release,
            _RELEASE,
            label[:revision_end],  # alert id and revision, as the label has them
            released_at,
            varint.encode(slots.shown(mask)),
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
    layout = layout_of(value)
    return value[slots_end : len(value) - layout.sealable] + _nulls(layout, 4)


def sealed_closing(signature: bytes, distribution_commitment: bytes, slot_keys: bytes) -> bytes:
    """Return what follows the slots of a sealed release; its last bytes are each feed's own."""
    keys = _slot_keys_fields(slot_keys)
    return b"".join((signature, _SOME, distribution_commitment, _NULL, keys, _SOME, _FEED_KEY))


def _slot_keys_fields(slot_keys: bytes) -> bytes:
    more = slot_keys[_SLOT_KEYS_FIELD:]
    return _SOME + slot_keys[:_SLOT_KEYS_FIELD] + (_SOME + more if more else b"")


def _nulls(layout: Layout, fields: int) -> bytes:
    """Return so many empty fields, and the one more that the newest releases have."""
    return (fields + (layout is LATEST)) * _NULL


def end_to_end_closing(
    layout: Layout,
    signature: bytes,
    distribution_commitment: bytes,
    wrap: tuple[str, str, bytes] | None,
) -> bytes:
    """Return what follows the slots of a release that the hub itself cannot open.

    Args:
        layout: The alert's form.
        signature: The originator's, encoded.
        distribution_commitment: 32 bytes.
        wrap: Owner, key id and wrapped alert key for the feed's unit, if there is one.
    """
    own = _NULL
    if wrap is not None:
        owner, key_id, wrapped = wrap
        fields = (owner.encode(), key_id.encode(), wrapped)
        own = _SOME + b"".join(varint.sized(each) for each in fields)
    return b"".join((signature, _SOME, distribution_commitment, own, _nulls(layout, 2)))


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


@cutting
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
            varint.encode(profile & slots.shown(mask)),
            value[after_profile:slots_at],
            keep_slots(value, slots, mask),
            value[slots.end :],
        )
    )


def with_slot_keys(value: bytes, slot_keys: bytes, feed_key: bytes) -> bytes:
    """Return the framed sealed release *value* with other slot keys, under another feed's key."""
    keys = _slot_keys_fields(slot_keys)
    kept = len(value) - (len(keys) + len(_SOME) + FEED_KEY_BYTES)
    return b"".join((value[:kept], keys, _SOME, feed_key))


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
