"""Alerts and releases between plain and sealed, as bytes.

A sealed record is the plain one with each slot's content sealed, and signature and seal at
its end. Label, distribution and commitments are the same bytes in both, so what was signed
stays what it was. Opening gives the plain form back, for the codecs that read it.
"""

from collections.abc import Callable

from broker.errors import Rejected
from broker.model.compartment import COMPARTMENTS
from broker.model.reason import Reason
from broker.protect.slot_seal import SealBroken
from broker.protect.statement import Statement, commit_distribution, make_statement
from broker.wire import varint
from broker.wire.alert_bytes import UUID_BYTES, Slots, label_end_of, read_attributes, read_head
from broker.wire.codec import FRAME_BYTES
from broker.wire.cutting import cutting
from broker.wire.tails import (
    encode_alert_tail,
    encode_release_tail,
    read_tail,
    seal_in,
    signature_in,
    wrap_in,
)

#: Seals or opens slot number n, given its content; None where there is no key for it.
OpenSlot = Callable[[int, bytes], bytes | None]

_NULL = varint.encode(0)
_SOME = varint.encode(1)
_COMMITMENT_BYTES = 32


class AlertParts:
    """An alert, plain or sealed, cut at the places that protection works on.

    Attributes:
        value: The framed alert.
        alert_id: 16 bytes.
        revision: Its revision.
        label: The encoded label.
        distribution: The encoded distribution.
        slots: Where the slots lie.
        signature: The originator's, or None.
        seal: The seal, or None.
    """

    @cutting
    def __init__(self, value: bytes) -> None:
        self.value = value
        self.alert_id, self.revision, _, start = read_head(value)
        _, label_end, distribution_end = read_attributes(value, start)
        self.label = value[FRAME_BYTES:label_end]
        self.distribution = value[label_end:distribution_end]
        self.slots = Slots(value, distribution_end)
        tail = read_tail(value, self.slots.end)
        self.signature = signature_in(tail["signature"])
        self.seal = seal_in(tail.get("seal"))

    def statement(self, distribution_salt: bytes) -> Statement:
        """Return what the originator signs, or signed."""
        commitment = commit_distribution(distribution_salt, self.distribution)
        return make_statement(self.label, commitment, commitments(self.value, self.slots))

    def with_slots(self, change: OpenSlot, tail: bytes) -> bytes:
        """Return the alert with the content of each filled slot changed, ending in *tail*."""
        head = self.value[FRAME_BYTES : self.slots.start]
        slots = change_slots(self.value, self.slots, change)
        return b"".join((self.slots.layout.alert, head, slots, tail))


def change_slots(value: bytes, slots: Slots, change: OpenSlot) -> bytes:
    """Return the slots with each content replaced by what *change* makes of it; None empties."""
    parts = []
    for number in range(slots.layout.slots):
        parts.append(slots.commitment(value, number))
        content = slots.content(value, number)
        changed = None if content is None else change(number, content)
        parts.append(_NULL if changed is None else _SOME + varint.sized(changed))
    return b"".join(parts)


def commitments(value: bytes, slots: Slots) -> bytes:
    """Return the commitments of all slots, joined in wire order."""
    return b"".join(slots.commitment(value, number) for number in range(slots.layout.slots))


def stripped(parts: AlertParts) -> bytes:
    """Return a sealed alert without the hub's wrap: what accept writes for route."""
    assert parts.seal is not None
    tail = encode_alert_tail(parts.signature, parts.seal._replace(hub=None))
    return parts.value[: parts.slots.end] + tail


def opened_alert(parts: AlertParts, open_slot: OpenSlot) -> bytes:
    """Return the plain form of a sealed alert; a slot without a key becomes an empty one.

    Raises:
        Rejected: SEAL_BROKEN, with the slot.
    """
    tail = encode_alert_tail(parts.signature, None)
    return parts.with_slots(_or_rejected(open_slot), tail)


def _or_rejected(open_slot: OpenSlot) -> OpenSlot:
    def opened(number: int, sealed: bytes) -> bytes | None:
        try:
            return open_slot(number, sealed)
        except SealBroken:
            path = f"compartments.{COMPARTMENTS[number].value}"
            raise Rejected(Reason.SEAL_BROKEN, path) from None

    return opened


class ReleaseParts:
    """A release, cut at the places that protection works on; never a recall.

    Attributes:
        value: The framed release.
        alert_id: 16 bytes.
        revision: Its revision.
        label: The encoded label.
        slots: Where the slots lie.
        signature: The originator's, or None.
        distribution_commitment: 32 bytes, or None.
        recipient_key: TLP:RED: the alert key, wrapped for the feed's unit.
        slot_keys: The sealed slot keys, or None.
        feed_key: The feed's key, or None.
    """

    @cutting
    def __init__(self, value: bytes) -> None:
        self.value = value
        position = FRAME_BYTES
        _, position = varint.decode(value, position)
        self.alert_id = value[position : position + UUID_BYTES]
        self.revision, position = varint.decode(value, position + UUID_BYTES)
        for _ in range(2):  # released_at, profile
            _, position = varint.decode(value, position)
        obliged, position = varint.decode(value, position)
        if obliged:
            _, position = varint.decode(value, position)
        label_start = position + 1
        label_end = label_end_of(value, _attributes_start(value, label_start))
        self.label = value[label_start:label_end]
        self.slots = Slots(value, label_end + 1)
        tail = read_tail(value, self.slots.end)
        self.signature = signature_in(tail["signature"])
        self.distribution_commitment: bytes | None = tail.get("distribution_commitment")
        self.recipient_key = wrap_in(tail.get("recipient_key"))
        self.slot_keys = _joined(tail.get("slot_keys"), tail.get("more_slot_keys"))
        self.feed_key: bytes | None = tail.get("feed_key")

    @property
    def is_sealed(self) -> bool:
        """Whether its slots are sealed."""
        return self.feed_key is not None or self.recipient_key is not None

    def statement(self) -> Statement | None:
        """Return what the originator signed, or None where nothing was."""
        if self.distribution_commitment is None:
            return None
        commitment = self.distribution_commitment
        return make_statement(self.label, commitment, commitments(self.value, self.slots))


def opened_release(parts: ReleaseParts, open_slot: OpenSlot) -> bytes:
    """Return the plain form of a sealed release; a slot without a key becomes an empty one.

    Raises:
        Rejected: SEAL_BROKEN, with the slot.
    """
    slots = change_slots(parts.value, parts.slots, _or_rejected(open_slot))
    frame = parts.slots.layout.release
    tail = encode_release_tail(parts.signature, parts.distribution_commitment, frame)
    head = parts.value[FRAME_BYTES : parts.slots.start]
    return b"".join((frame, head, slots, tail))


def _joined(first: bytes | None, more: bytes | None) -> bytes | None:
    return first if first is None else first + (more or b"")


def _attributes_start(value: bytes, label_start: int) -> int:
    position = label_start + UUID_BYTES
    for _ in range(3):  # revision and two times
        _, position = varint.decode(value, position)
    return position
