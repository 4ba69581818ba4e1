"""An alert as route sees it: bytes, cut at the places that matter.

    frame(5) | label head | label attributes | distribution | slots | signature
             '-- label ----------------------'
                          '-- attributes ------------------'

Label attributes and distribution lie side by side and are all that policy reads. An Avro
record says itself where it ends, so if the bytes after the head equal a whole encoding
decoded before, decoding them again could only give the same values and stop at the same
place: `AttributesIndex` recognises them by comparison (docs/decisions/0001).

Route reads only what accept wrote, under its access rights, so nothing is checked twice.
"""

from functools import cache
from io import BytesIO
from typing import Any, Generic, TypeVar, cast

import fastavro

from broker.model.label import LABEL_HEAD
from broker.wire import varint
from broker.wire.codec import FRAME_BYTES
from broker.wire.cutting import cutting
from broker.wire.layout import layout_of
from broker.wire.schema import AvroSchema, catalogue

T = TypeVar("T")

View = dict[str, Any]

_COMMITMENT_BYTES = 32
UUID_BYTES = 16
#: The last moment of the calendar (9999-12-31T23:59:59.999Z), epoch milliseconds: Avro can write
#: later ones, and no reader takes them.
LAST_MS = 253_402_300_799_999


def read_head(value: bytes) -> tuple[bytes, int, int, int]:
    """Return alert id (16 bytes), revision, expiry (epoch ms), and where the attributes start."""
    start = FRAME_BYTES + UUID_BYTES
    revision, position = varint.decode(value, start)
    while value[position] > 0x7F:  # originated_at, skipped
        position += 1
    expires_at, position = varint.decode(value, position + 1)
    return value[FRAME_BYTES:start], revision, expires_at, position


def read_attributes(value: bytes, start: int) -> tuple[View, int, int]:
    """Decode label attributes and distribution.

    Returns:
        The merged view, where the label ends, and where the distribution ends.
    """
    label_schema, distribution_schema = _attribute_schemas()
    buffer = BytesIO(value)
    buffer.seek(start)
    view = fastavro.schemaless_reader(buffer, label_schema, None)
    label_end = buffer.tell()
    distribution = fastavro.schemaless_reader(buffer, distribution_schema, None)
    assert isinstance(view, dict)
    assert isinstance(distribution, dict)
    view.update(distribution)
    return view, label_end, buffer.tell()


def label_end_of(value: bytes, start: int) -> int:
    """Return where the label whose attributes begin at *start* ends."""
    buffer = BytesIO(value)
    buffer.seek(start)
    fastavro.schemaless_reader(buffer, _attribute_schemas()[0], None)
    return buffer.tell()


def view_of_ledger(label: bytes, distribution: bytes) -> View:
    """Return the view of a label and a distribution kept as raw bytes."""
    value = bytes(FRAME_BYTES) + label + distribution
    return read_attributes(value, read_head(value)[3])[0]


class Slots:
    """Where the slots of one alert or release lie.

    Attributes:
        layout: Its form: how many slots it has.
        start: Where the first begins.
        ends: Where the first slot begins, and then where each ends.
        present: Mask of the slots that hold content.
        end: Where the last ends.
    """

    __slots__ = ("end", "ends", "layout", "present", "start")

    @cutting
    def __init__(self, value: bytes, start: int) -> None:
        self.layout = layout_of(value)
        self.start = position = start
        self.ends = ends = [start]
        present = 0
        for bit in self.layout.bits:
            index = position + _COMMITMENT_BYTES
            position = index + 1
            if value[index]:
                present |= bit
                # A length of one or two bytes is read here: this loop runs for every slot.
                length = value[position]
                if length < 0x80:
                    position += 1 + (length >> 1)
                elif (more := value[position + 1]) < 0x80:
                    position += 2 + ((length & 0x7F | more << 7) >> 1)
                else:
                    length, content = varint.decode(value, position)
                    position = content + length
            ends.append(position)
        self.present = present
        self.end = position

    def shown(self, mask: int) -> int:
        """Return what of these slots is shown to who may see *mask*: those with content."""
        return self.layout.shown(mask) & self.present

    def content(self, value: bytes, slot: int) -> bytes | None:
        """Return the content of slot number *slot*: salt and framed compartment, or None."""
        index = self._index(slot)
        if value[index] == 0:
            return None
        return value[varint.decode(value, index + 1)[1] : self.ends[slot + 1]]

    def commitment(self, value: bytes, slot: int) -> bytes:
        """Return the commitment of slot number *slot*."""
        start = self.ends[slot]
        return value[start : start + _COMMITMENT_BYTES]

    def _index(self, slot: int) -> int:
        return self.ends[slot] + _COMMITMENT_BYTES


def keep_slots(value: bytes, slots: Slots, mask: int) -> bytes:
    """Return the slots with the content of all but *mask* dropped; commitments stay.

    Of slots whose exact parts stand in them, more is dropped (`broker.wire.layout`).

    Neighbouring slots that are kept are copied as one run.
    """
    dropped = slots.present & ~slots.shown(mask)
    if not dropped:
        return value[slots.start : slots.end]
    parts: list[bytes] = []
    run, ends = slots.start, slots.ends
    for slot in _slots_in(dropped):
        parts += value[run : ends[slot] + _COMMITMENT_BYTES], b"\x00"
        run = ends[slot + 1]
    parts.append(value[run : slots.end])
    return b"".join(parts)


@cache
def _slots_in(mask: int) -> tuple[int, ...]:
    return tuple(slot for slot in range(mask.bit_length()) if mask >> slot & 1)


class AttributesIndex(Generic[T]):
    """Attributes seen before, by their bytes.

    Attributes:
        capacity: Entries kept; beyond it the index starts afresh, so memory stays bounded.
    """

    def __init__(self, capacity: int = 20_000) -> None:
        self.capacity = capacity
        self._tables: dict[int, dict[bytes, T]] = {}
        self._lengths: list[int] = []
        self._size = 0

    def find(self, value: bytes, start: int) -> T | None:
        """Return what was kept for the attributes that begin at *start*, or None."""
        lengths = self._lengths
        for rank, length in enumerate(lengths):
            entry = self._tables[length].get(value[start : start + length])
            if entry is not None:
                if rank:  # frequent lengths move to the front
                    lengths[rank - 1], lengths[rank] = length, lengths[rank - 1]
                return entry
        return None

    def add(self, raw: bytes, entry: T) -> None:
        """Keep *entry* for attributes whose whole encoding is *raw*."""
        if self._size >= self.capacity:
            self._tables.clear()
            self._lengths.clear()
            self._size = 0
        if len(raw) not in self._tables:
            self._tables[len(raw)] = {}
            self._lengths.append(len(raw))
        self._tables[len(raw)][raw] = entry
        self._size += 1


_cached_schemas: list[AvroSchema] = []


def _attribute_schemas() -> list[AvroSchema]:
    if not _cached_schemas:
        fields = {field["name"]: field for field in catalogue().latest("alert").avro["fields"]}
        label = dict(fields["label"]["type"])
        label["fields"] = [f for f in label["fields"] if f["name"] not in LABEL_HEAD]
        # The distribution may name types that the label defines first.
        both = {"type": "record", "name": "Both", "fields": [
            {"name": "label", "type": label}, fields["distribution"]]}  # fmt: skip
        named: dict[str, Any] = {}
        fastavro.parse_schema(both, named_schemas=named)
        _cached_schemas.extend(
            cast(
                "AvroSchema",
                fastavro.parse_schema(named[name], named_schemas=dict(named), _force=True),
            )
            for name in ("Label", "Distribution")
        )
    return _cached_schemas
