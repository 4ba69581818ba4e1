"""Alerts and releases between plain and sealed, as bytes.

A sealed record is the plain one with each slot's content sealed, and signature and seal at
its end. Label, distribution and commitments are the same bytes in both, so what was signed
stays what it was. Opening gives the plain form back, for the codecs that read it.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, NamedTuple, cast

import fastavro

from broker.errors import Rejected
from broker.model.compartment import COMPARTMENTS
from broker.model.reason import Reason
from broker.protect.signature import Signature
from broker.protect.slot_seal import SealBroken
from broker.protect.statement import Statement, commit_distribution, make_statement
from broker.wire import varint
from broker.wire.alert_bytes import UUID_BYTES, Slots, label_end_of, read_attributes, read_head
from broker.wire.codec import FRAME_BYTES
from broker.wire.schema import AvroSchema, catalogue

#: Seals or opens slot number n, given its content; None where there is no key for it.
OpenSlot = Callable[[int, bytes], bytes | None]

_NULL = varint.encode(0)
_SOME = varint.encode(1)
_COMMITMENT_BYTES = 32


class Wrap(NamedTuple):
    """A key wrapped for one owner's public key."""

    owner: str
    key_id: str
    wrapped: bytes


class Seal(NamedTuple):
    """For whom the alert key is wrapped, and the salt of the distribution's commitment."""

    distribution_salt: bytes
    hub: Wrap | None
    recipients: tuple[Wrap, ...]


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

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.alert_id, self.revision, _, start = read_head(value)
        _, label_end, distribution_end = read_attributes(value, start)
        self.label = value[FRAME_BYTES:label_end]
        self.distribution = value[label_end:distribution_end]
        self.slots = Slots(value, distribution_end)
        tail = _read_tail(value, self.slots.end)
        self.signature = _signature(tail["signature"])
        self.seal = _seal(tail.get("seal"))

    def statement(self, distribution_salt: bytes) -> Statement:
        """Return what the originator signs, or signed."""
        commitment = commit_distribution(distribution_salt, self.distribution)
        return make_statement(self.label, commitment, commitments(self.value, self.slots))

    def with_slots(self, change: OpenSlot, tail: bytes) -> bytes:
        """Return the alert with the content of each filled slot changed, ending in *tail*."""
        head = self.value[FRAME_BYTES : self.slots.start]
        slots = change_slots(self.value, self.slots, change)
        return b"".join((_frame("alert"), head, slots, tail))


def change_slots(value: bytes, slots: Slots, change: OpenSlot) -> bytes:
    """Return the slots with each content replaced by what *change* makes of it; None empties."""
    parts = []
    for number in range(len(COMPARTMENTS)):
        parts.append(slots.commitment(value, number))
        content = slots.content(value, number)
        changed = None if content is None else change(number, content)
        parts.append(_NULL if changed is None else _SOME + varint.sized(changed))
    return b"".join(parts)


def commitments(value: bytes, slots: Slots) -> bytes:
    """Return the twelve commitments, joined in wire order."""
    return b"".join(slots.commitment(value, number) for number in range(len(COMPARTMENTS)))


def encode_alert_tail(signature: Signature | None, seal: Seal | None) -> bytes:
    """Return signature and seal as they end an alert's record."""
    signed: dict[str, Any] | None = signature._asdict() if signature else None
    buffer = BytesIO()
    record = {"signature": signed, "seal": _seal_record(seal)}
    fastavro.schemaless_writer(buffer, _tail_schema(_frame("alert")), record)
    return buffer.getvalue()


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
        tail = _read_tail(value, self.slots.end)
        self.signature = _signature(tail["signature"])
        self.distribution_commitment: bytes | None = tail.get("distribution_commitment")
        self.recipient_key = _wrap(tail.get("recipient_key"))
        self.slot_keys: bytes | None = tail.get("slot_keys")
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
    closing = {
        "signature": parts.signature._asdict() if parts.signature else None,
        "distribution_commitment": parts.distribution_commitment,
    }
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, _tail_schema(_frame("release")), closing)
    head = parts.value[FRAME_BYTES : parts.slots.start]
    return b"".join((_frame("release"), head, slots, buffer.getvalue()))


def _attributes_start(value: bytes, label_start: int) -> int:
    position = label_start + UUID_BYTES
    for _ in range(3):  # revision and two times
        _, position = varint.decode(value, position)
    return position


def _frame(name: str) -> bytes:
    return catalogue().latest(name).frame


def _read_tail(value: bytes, start: int) -> dict[str, Any]:
    buffer = BytesIO(value)
    buffer.seek(start)
    tail = fastavro.schemaless_reader(buffer, _tail_schema(value[:FRAME_BYTES]), None)
    assert isinstance(tail, dict)
    return tail


_tail_schemas: dict[bytes, AvroSchema] = {}


def _tail_schema(frame: bytes) -> AvroSchema:
    """Return the schema of what follows the slots, in the version that *frame* names."""
    made = _tail_schemas.get(frame)
    if made is None:
        entry = catalogue().by_id(int.from_bytes(frame[1:], "big"))
        assert entry is not None
        names = [field["name"] for field in entry.avro["fields"]]
        kept = entry.avro["fields"][names.index("compartments") + 1 :]
        named: dict[str, Any] = {}
        fastavro.parse_schema(dict(entry.avro), named_schemas=named)
        tail = {**entry.avro, "name": "Tail", "fields": kept}
        made = cast("AvroSchema", fastavro.parse_schema(tail, named_schemas=named, _force=True))
        _tail_schemas[frame] = made
    return made


def _signature(record: dict[str, Any] | None) -> Signature | None:
    return Signature(**record) if record else None


def _wrap(record: dict[str, Any] | None) -> Wrap | None:
    return Wrap(**record) if record else None


def _seal(record: dict[str, Any] | None) -> Seal | None:
    if record is None:
        return None
    recipients: Sequence[dict[str, Any]] = record["recipients"]
    wraps = tuple(Wrap(**wrap) for wrap in recipients)
    return Seal(record["distribution_salt"], _wrap(record["hub"]), wraps)


def _seal_record(seal: Seal | None) -> dict[str, Any] | None:
    if seal is None:
        return None
    return {
        "distribution_salt": seal.distribution_salt,
        "hub": seal.hub._asdict() if seal.hub else None,
        "recipients": [wrap._asdict() for wrap in seal.recipients],
    }
