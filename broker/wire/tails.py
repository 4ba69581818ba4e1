"""The ends of sealed alerts and releases: signature, wraps and keys, behind the slots.

Only these last fields are read and written here; what stands before them is copied as it is.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple, cast

import fastavro

from broker.protect.signature import Signature
from broker.wire.codec import FRAME_BYTES
from broker.wire.layout import LATEST
from broker.wire.schema import AvroSchema, catalogue


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


def encode_alert_tail(signature: Signature | None, seal: Seal | None) -> bytes:
    """Return signature and seal as they end an alert's record."""
    signed = signature._asdict() if signature else None
    # It is the same in every version that has a seal.
    return _encoded(LATEST.alert, {"signature": signed, "seal": _seal_record(seal)})


def encode_release_tail(
    signature: Signature | None, commitment: bytes | None, frame: bytes = LATEST.release
) -> bytes:
    """Return signature and distribution commitment as they end an opened release's record.

    Args:
        signature: Whoever signed it.
        commitment: To the distribution; None of a recall.
        frame: The release's own, which says in which version it ends.
    """
    signed = signature._asdict() if signature else None
    return _encoded(frame, {"signature": signed, "distribution_commitment": commitment})


def _encoded(frame: bytes, fields: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, _tail_schema(frame), fields)
    return buffer.getvalue()


def read_tail(value: bytes, start: int) -> dict[str, Any]:
    """Return the fields that follow the slots of the framed *value*, from *start*."""
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


def signature_in(record: dict[str, Any] | None) -> Signature | None:
    """Return the signature in a field of a tail."""
    return Signature(**record) if record else None


def wrap_in(record: dict[str, Any] | None) -> Wrap | None:
    """Return the wrap in a field of a tail."""
    return Wrap(**record) if record else None


def seal_in(record: dict[str, Any] | None) -> Seal | None:
    """Return the seal in a field of a tail."""
    if record is None:
        return None
    recipients: Sequence[dict[str, Any]] = record["recipients"]
    wraps = tuple(Wrap(**wrap) for wrap in recipients)
    return Seal(record["distribution_salt"], wrap_in(record["hub"]), wraps)


def _seal_record(seal: Seal | None) -> dict[str, Any] | None:
    if seal is None:
        return None
    return {
        "distribution_salt": seal.distribution_salt,
        "hub": seal.hub._asdict() if seal.hub else None,
        "recipients": [wrap._asdict() for wrap in seal.recipients],
    }
