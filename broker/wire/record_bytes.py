"""Ledger and audit records of route, spliced from parts that repeat.

A first revision under a plan seen before differs from its neighbours in a few fields; the
rest is the same bytes. The schemas put what varies first. Each function here gives exactly
what `broker.wire.codec.encode` would; a property test holds it to that.
"""

from io import BytesIO
from typing import Any, cast

import fastavro

from broker.wire import varint
from broker.wire.schema import AvroSchema, catalogue

_SOME = varint.encode(1)
_LEDGER_FRAME = catalogue().latest("ledger-entry").frame
_AUDIT_FRAME = catalogue().latest("audit-entry").frame
_DECIDED_BY_ROUTE = varint.encode(1) + varint.encode(2)  # kind DECIDED, stage ROUTE

#: Last of the fields that vary; what follows makes the tail.
_LEDGER_TAIL_AFTER = "label"
_AUDIT_TAIL_AFTER = "source_offset"


def encode_tail(name: str, last_varying: str, record: dict[str, Any]) -> bytes:
    """Return the fields of *record* that follow *last_varying*, as they end its encoding."""
    schema = dict(catalogue().latest(name).avro)
    names = [field["name"] for field in schema["fields"]]
    kept = schema["fields"][names.index(last_varying) + 1 :]
    # The head may define types that the tail names; definitions go along.
    named: dict[str, Any] = {}
    fastavro.parse_schema(schema, named_schemas=named)
    tail = {**schema, "name": "Tail", "fields": kept}
    parsed = cast("AvroSchema", fastavro.parse_schema(tail, named_schemas=named, _force=True))
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, parsed, record)
    return buffer.getvalue()


def ledger_tail(
    distribution: bytes,
    present: int,
    originator: str,
    plan_digest: bytes,
    holders: list[dict[str, Any]],
    *,
    cancelled: bool = False,
) -> bytes:
    """Return the end that ledger entries of one label, plan and set of slots share."""
    record = {
        "distribution": distribution,
        "present": present,
        "originator": originator,
        "cancelled": cancelled,
        "plan_digest": plan_digest,
        "holders": holders,
    }
    return encode_tail("ledger-entry", _LEDGER_TAIL_AFTER, record)


def audit_tail(
    present: int, originator: str, message_type: str, bundle_digest: bytes, plan_digest: bytes
) -> bytes:
    """Return the end that DECIDED entries of one plan and set of slots share; no recalls."""
    record = {
        "recalled": [],
        "present": present,
        "originator": originator,
        "message_type": message_type,
        "bundle_digest": bundle_digest,
        "plan_digest": plan_digest,
    }
    return encode_tail("audit-entry", _AUDIT_TAIL_AFTER, record)


def encode_ledger(
    alert_id: bytes,
    revision: int,
    digest: bytes,
    expires_at: int,
    retain_until: int,
    label: bytes,
    tail: bytes,
) -> bytes:
    """Return a framed ledger entry that ends in *tail*, as `ledger_tail` gives it."""
    return b"".join(
        (
            _LEDGER_FRAME,
            alert_id,
            varint.encode(revision),
            digest,
            varint.encode(expires_at),
            varint.encode(retain_until),
            varint.encode(len(label)),
            label,
            tail,
        )
    )


def encode_decided(
    alert_id: bytes,
    revision: int,
    digest: bytes,
    at: bytes,
    source: bytes,
    tail: bytes,
) -> bytes:
    """Return a framed DECIDED entry that ends in *tail*.

    Its entry id is the first half of the alert's digest: one decision per content.

    Args:
        alert_id: 16 bytes.
        revision: Revision decided.
        digest: SHA-256 of the framed alert.
        at: Epoch milliseconds as a varint.
        source: Where the alert came from, as `encode_source` gives it.
        tail: As `audit_tail` gives it.
    """
    return b"".join(
        (
            _AUDIT_FRAME,
            digest[:16],
            _DECIDED_BY_ROUTE,
            at,
            _SOME,
            alert_id,
            _SOME,
            varint.encode(revision),
            _SOME,
            digest,
            source,
            tail,
        )
    )


def encode_source(topic_partition: bytes, offset: int) -> bytes:
    """Return a source position; *topic_partition* comes from `encode_topic_partition`."""
    return topic_partition + _SOME + varint.encode(offset)


def encode_topic_partition(topic: str, partition: int) -> bytes:
    """Return the constant part of the source positions of one partition."""
    return _SOME + varint.sized(topic.encode()) + _SOME + varint.encode(partition)
