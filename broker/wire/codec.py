"""Records to framed bytes and back.

The frame is Confluent's: ``0x00``, four bytes of schema id (big-endian), the Avro record.
The id in the frame is the only one that counts; no header can choose a schema.
"""

from dataclasses import replace
from io import BytesIO
from typing import Any

import fastavro

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire import strict
from broker.wire.cutting import OF_CUTTING
from broker.wire.schema import AvroSchema, SchemaEntry, catalogue

Record = dict[str, Any]

FRAME_BYTES = 5

#: A release has a few fields of its own beside what it shows of an alert, and must be
#: readable for the largest alert that is accepted.
_RELEASE_ADDS_BYTES = 1024
_LARGER = {
    "release": replace(strict.LIMITS, max_bytes=strict.LIMITS.max_bytes + _RELEASE_ADDS_BYTES)
}


def unframe(value: bytes | None, expected: str) -> SchemaEntry:
    """Return the schema that *value*'s own frame names.

    Raises:
        Rejected: EMPTY, OVERSIZED, FRAMING, SCHEMA_UNKNOWN, or SCHEMA_UNEXPECTED where it
            is no version of *expected*.
    """
    if not value:
        raise Rejected(Reason.EMPTY)
    if len(value) > _limits(expected).max_bytes:
        raise Rejected(Reason.OVERSIZED)
    if value[0] != 0 or len(value) < FRAME_BYTES:
        raise Rejected(Reason.FRAMING)
    entry = catalogue().by_id(int.from_bytes(value[1:FRAME_BYTES], "big"))
    if entry is None:
        raise Rejected(Reason.SCHEMA_UNKNOWN)
    if entry.name != expected:
        raise Rejected(Reason.SCHEMA_UNEXPECTED)
    return entry


def _limits(expected: str) -> strict.Limits:
    return _LARGER.get(expected, strict.LIMITS)


def encode(name: str, record: Record) -> bytes:
    """Return *record* framed, in the newest version of the schema *name*."""
    return encode_version(catalogue().latest(name), record)


def encode_version(entry: SchemaEntry, record: Record) -> bytes:
    """Return *record* framed, in one version of its schema."""
    buffer = BytesIO()
    buffer.write(entry.frame)
    fastavro.schemaless_writer(buffer, entry.parsed, record)
    return buffer.getvalue()


def decode(value: bytes | None, expected: str) -> Record:
    """Decode outside bytes: checked strictly first, whole.

    Raises:
        Rejected: The bytes are not exactly one canonical record of *expected*.
    """
    entry = unframe(value, expected)
    assert value is not None
    strict.check(entry.schema_id, value[FRAME_BYTES:], _limits(expected))
    return read_as(entry.parsed, value)


def decode_version(entry: SchemaEntry, value: bytes) -> Record:
    """Decode outside bytes by one schema, which need not be catalogued: for its own checks.

    Raises:
        Rejected: The bytes are not exactly one canonical record of *entry*.
        ValueError: The schema cannot be walked.
    """
    strict.walk_all(strict.compile_walk(entry.avro), value[FRAME_BYTES:])
    return read_as(entry.parsed, value)


def decode_trusted(value: bytes, expected: str) -> Record:
    """Decode what a role of Lali wrote under its own access rights; no second check.

    Raises:
        Rejected: The frame is not one of *expected*, or it is damaged.
        MemoryError: There is too little of it, through no fault of the record.
    """
    if len(value) < FRAME_BYTES or value[0] != 0:
        raise Rejected(Reason.FRAMING)
    entry = catalogue().by_id(int.from_bytes(value[1:FRAME_BYTES], "big"))
    if entry is None or entry.name != expected:
        raise Rejected(Reason.SCHEMA_UNEXPECTED)
    try:
        return read_as(entry.parsed, value)
    except MemoryError:
        strict.check(entry.schema_id, value[FRAME_BYTES:])  # few bytes may ask for much
        raise


def name_of(value: bytes) -> str | None:
    """Return the name of the schema in *value*'s frame, or None if it has none we know."""
    entry = catalogue().by_id(int.from_bytes(value[1:FRAME_BYTES], "big"))
    return entry.name if entry else None


def read_as(schema: AvroSchema, value: bytes) -> Record:
    """Return the framed record *value*, read by *schema*; it is not checked strictly.

    Raises:
        Rejected: FIELD_INVALID: it ends early, or holds what no value stands for, such as a
            moment beyond the calendar.
    """
    try:
        record = fastavro.schemaless_reader(BytesIO(value[FRAME_BYTES:]), schema, None)
    except OF_CUTTING:
        raise Rejected(Reason.FIELD_INVALID) from None
    assert isinstance(record, dict)
    return record
