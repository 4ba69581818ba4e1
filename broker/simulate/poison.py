"""Input that must be quarantined: each kind, how it is made, and the reason it must get.

Each is one fresh alert with victims that would have been accepted, spoilt in one way. Its
canaries must therefore show up nowhere.
"""

from collections.abc import Callable
from dataclasses import dataclass

from broker.model.alert import Alert
from broker.model.content import Role, Suspects
from broker.model.reason import Reason
from broker.wire import strict, varint
from broker.wire.alert_bytes import read_attributes, read_head
from broker.wire.alert_codec import encode_alert
from broker.wire.codec import FRAME_BYTES


@dataclass(frozen=True, slots=True)
class Poison:
    """Spoilt input as it is sent."""

    key: bytes | None
    value: bytes | None
    reason: Reason


def key_of(alert: Alert) -> bytes:
    """Return the Kafka key of *alert*."""
    return str(alert.label.alert_id).encode()


def _of_bytes(reason: Reason, spoil: Callable[[bytes], bytes | None]) -> "Spoil":
    return lambda alert, value: Poison(key_of(alert), spoil(value), reason)


def _with_schema(schema_id: int) -> Callable[[bytes], bytes]:
    return lambda value: b"\0" + schema_id.to_bytes(4, "big") + value[FRAME_BYTES:]


def _negative_message_type(value: bytes) -> bytes:
    start = read_head(value)[3]
    return value[:start] + varint.encode(-1) + value[start + 1 :]


def _not_utf8(value: bytes) -> bytes:
    originator = read_head(value)[3] + 3  # after message type, status and its own length
    return value[:originator] + b"\xff" + value[originator + 1 :]


def _bomb(value: bytes) -> bytes:
    # A count of a thousand million caveats in five bytes, and nothing behind it.
    start = read_head(value)[3] + 2
    length, text = varint.decode(value, start)
    return value[: text + length + 2] + varint.encode(1 << 30)


def _false_commitment(value: bytes) -> bytes:
    start = read_attributes(value, read_head(value)[3])[2]  # of the summary's slot
    return value[:start] + bytes([value[start] ^ 1]) + value[start + 1 :]


def _wrong_key(alert: Alert, value: bytes) -> Poison:
    other = alert.label.alert_id.bytes[::-1].hex().encode()
    return Poison(other, value, Reason.KEY_DIFFERS)


def _no_key(_alert: Alert, value: bytes) -> Poison:
    return Poison(None, value, Reason.KEY_DIFFERS)


def _wrong_originator(alert: Alert, _value: bytes) -> Poison:
    label = alert.label.model_copy(update={"originator": "somebody-else"})
    spoilt = encode_alert(alert.model_copy(update={"label": label}), salts=_no_salt)
    return Poison(key_of(alert), spoilt, Reason.ORIGINATOR_DIFFERS)


def _victim_among_suspects(alert: Alert, _value: bytes) -> Poison:
    victims = alert.compartments.victims
    assert victims is not None
    person = victims.persons[0].model_copy(update={"roles": (Role.SUSPECT, Role.VICTIM_POSSIBLE)})
    # model_copy does not validate: this is what a careless publisher would send.
    suspects = Suspects.model_construct(persons=(person,))
    spoilt = alert.compartments.model_copy(update={"suspects": suspects, "victims": None})
    value = encode_alert(alert.model_copy(update={"compartments": spoilt}), salts=_no_salt)
    return Poison(key_of(alert), value, Reason.VICTIM_OUTSIDE_VICTIMS)


def _no_salt() -> bytes:
    return bytes(32)


Spoil = Callable[[Alert, bytes], Poison]

#: Every kind of poison by name.
POISONS: dict[str, Spoil] = {
    "empty": _of_bytes(Reason.EMPTY, lambda _value: b""),
    "null": _of_bytes(Reason.EMPTY, lambda _value: None),
    "truncated": _of_bytes(Reason.TRUNCATED, lambda value: value[: len(value) * 2 // 3]),
    "trailing bytes": _of_bytes(Reason.TRAILING_BYTES, lambda value: value + b"\0"),
    "not framed": _of_bytes(Reason.FRAMING, lambda value: b"\x01" + value[1:]),
    "unknown schema": _of_bytes(Reason.SCHEMA_UNKNOWN, _with_schema(4_000_000)),
    "another schema": _of_bytes(Reason.SCHEMA_UNEXPECTED, _with_schema(31)),
    "oversized": _of_bytes(Reason.OVERSIZED, lambda v: v + bytes(strict.LIMITS.max_bytes)),
    "negative enum": _of_bytes(Reason.ENUM_INDEX, _negative_message_type),
    "negative union": _of_bytes(Reason.UNION_INDEX, lambda value: value[:-1] + varint.encode(-1)),
    "not UTF-8": _of_bytes(Reason.NOT_UTF8, _not_utf8),
    "collection bomb": _of_bytes(Reason.ITEMS, _bomb),
    "false commitment": _of_bytes(Reason.COMMITMENT_DIFFERS, _false_commitment),
    "wrong key": _wrong_key,
    "no key": _no_key,
    "wrong originator": _wrong_originator,
    "victim among suspects": _victim_among_suspects,
}
