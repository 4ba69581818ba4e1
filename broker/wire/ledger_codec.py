"""What lies on the ledger topic, read so that no record of it can stop its reader.

Route restores its ledger from it, deliver and the gateway follow it. A record that cannot be
read concerns one alert, or none: it is told as `Unreadable`, and whoever reads goes on.
"""

from typing import Any, NamedTuple, cast
from uuid import UUID

import fastavro

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire import codec
from broker.wire.schema import AvroSchema

_UUID_TEXT = 36


class LedgerKey(NamedTuple):
    """What a record of the ledger is about.

    Attributes:
        alert_id: 16 bytes.
        feed: Of a delivery mark; None of an alert's own entry.
    """

    alert_id: bytes
    feed: str | None


class Entry(NamedTuple):
    """A ledger entry. Its times are epoch milliseconds, of which some may lie in no calendar."""

    alert_id: bytes
    fields: codec.Record


class DeliveryMark(NamedTuple):
    """What became of the latest release of an alert to a feed."""

    fields: codec.Record


class IntakeMark(NamedTuple):
    """How far route has handled an intake partition."""

    fields: codec.Record


class OwedMark(NamedTuple):
    """From where on a feed is owed what could not be written to it."""

    feed: str
    offset: int | None


class FeedCommand(NamedTuple):
    """What an operator wants of deliver."""

    fields: codec.Record


class Gone(NamedTuple):
    """The entry of an alert, or the mark of a feed, is forgotten."""

    key: LedgerKey


class Unreadable(NamedTuple):
    """A record that says nothing.

    Attributes:
        reason: Why.
        alert_id: The alert whose entry it should be; None where it is no alert's entry.
    """

    reason: Reason
    alert_id: bytes | None


LedgerRecord = Entry | DeliveryMark | IntakeMark | OwedMark | FeedCommand | Gone | Unreadable


def read_ledger(key: bytes | None, value: bytes | None) -> LedgerRecord:
    """Return what a record of the ledger topic says; never raises."""
    named = key_of(key)
    if value is None and (feed := _owed_feed(key)) is not None:
        return OwedMark(feed, None)
    if value is None:
        return Gone(named) if named else Unreadable(Reason.KEY_DIFFERS, None)
    try:
        return _read(named, value)
    except Rejected as rejected:
        return Unreadable(rejected.reason, named.alert_id if named and not named.feed else None)


def key_of(key: bytes | None) -> LedgerKey | None:
    """Return what *key* names, or None: an intake mark's key, or no key of the ledger."""
    try:
        text = (key or b"").decode()
        alert_id, parted, feed = text[:_UUID_TEXT], text[_UUID_TEXT : _UUID_TEXT + 1], text[37:]
        found = UUID(alert_id)
    except ValueError:
        return None
    if str(found) != alert_id or (parted and (parted != "/" or not feed)):
        return None
    return LedgerKey(found.bytes, feed or None)


def _owed_feed(key: bytes | None) -> str | None:
    """Return the feed in the key of an owed mark, or None."""
    try:
        kind, feed, _ = (key or b"").decode().split("/")
    except ValueError:
        return None
    return feed if kind == "owed" else None


def _read(named: LedgerKey | None, value: bytes) -> LedgerRecord:
    match codec.name_of(value):
        case "ledger-entry":
            fields = _decode_entry(value)
            if named != (fields["alert_id"], None):
                raise Rejected(Reason.KEY_DIFFERS)
            return Entry(fields["alert_id"], fields)
        case "delivery-mark":
            fields = codec.decode_trusted(value, "delivery-mark")
            if named != (fields["alert_id"], fields["feed"]):
                raise Rejected(Reason.KEY_DIFFERS)
            return DeliveryMark(fields)
        case "intake-mark":
            return IntakeMark(codec.decode_trusted(value, "intake-mark"))
        case "owed-mark":
            fields = codec.decode_trusted(value, "owed-mark")
            return OwedMark(fields["feed"], fields["offset"])
        case "feed-command":
            return FeedCommand(codec.decode_trusted(value, "feed-command"))
    raise Rejected(Reason.SCHEMA_UNEXPECTED)


_plain_schemas: dict[bytes, AvroSchema] = {}


def _decode_entry(value: bytes) -> codec.Record:
    return codec.read_as(_plain_schema(value), value)


def _plain_schema(value: bytes) -> AvroSchema:
    """Return the entry's schema with moments as numbers: one beyond the calendar is read, too."""
    frame = value[: codec.FRAME_BYTES]
    made = _plain_schemas.get(frame)
    if made is None:
        entry = codec.unframe(value, "ledger-entry")
        plain = fastavro.parse_schema(_without_moments(entry.avro), _force=True)
        made = _plain_schemas[frame] = cast("AvroSchema", plain)
    return made


def _without_moments(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {name: _without_moments(inner) for name, inner in schema.items()}
        if schema.get("logicalType") == "timestamp-millis":
            kept.pop("logicalType")
        return kept
    return [_without_moments(each) for each in schema] if isinstance(schema, list) else schema
