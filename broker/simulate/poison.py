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
from broker.wire.sealing import AlertParts


@dataclass(frozen=True, slots=True)
class Poison:
    """Spoilt input as it is sent."""

    key: bytes | None
    value: bytes | None
    reason: Reason


def key_of(alert: Alert) -> bytes:
    """Return the Kafka key of *alert*."""
    return str(alert.label.alert_id).encode()


def unsealed(_alert: Alert, plain: bytes) -> bytes:
    """Seal nothing: what a simulation without keys sends."""
    return plain


def _of_bytes(reason: Reason, spoil: Callable[[bytes], bytes | None]) -> "Spoil":
    """Spoil what would have been sent, after it was signed and sealed."""
    return lambda alert, plain, seal: Poison(key_of(alert), spoil(seal(alert, plain)), reason)


def _of_plain(reason: Reason, spoil: Callable[[bytes], bytes]) -> "Spoil":
    """Spoil it before: signed and sealed by its own originator, and wrong all the same."""
    return lambda alert, plain, seal: Poison(key_of(alert), seal(alert, spoil(plain)), reason)


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


def _negative_union(value: bytes) -> bytes:
    end = AlertParts(value).slots.end  # where the signature's union index stands
    return value[:end] + varint.encode(-1) + value[end + 1 :]


def _wrong_key(alert: Alert, plain: bytes, seal: "Seal") -> Poison:
    other = alert.label.alert_id.bytes[::-1].hex().encode()
    return Poison(other, seal(alert, plain), Reason.KEY_DIFFERS)


def _no_key(alert: Alert, plain: bytes, seal: "Seal") -> Poison:
    return Poison(None, seal(alert, plain), Reason.KEY_DIFFERS)


def _wrong_originator(alert: Alert, _plain: bytes, seal: "Seal") -> Poison:
    label = alert.label.model_copy(update={"originator": "somebody-else"})
    spoilt = encode_alert(alert.model_copy(update={"label": label}), salts=_no_salt)
    return Poison(key_of(alert), seal(alert, spoilt), Reason.ORIGINATOR_DIFFERS)


def _victim_among_suspects(alert: Alert, _plain: bytes, seal: "Seal") -> Poison:
    victims = alert.compartments.victims
    assert victims is not None
    person = victims.persons[0].model_copy(update={"roles": (Role.SUSPECT, Role.VICTIM_POSSIBLE)})
    # model_copy does not validate: this is what a careless publisher would send.
    suspects = Suspects.model_construct(persons=(person,))
    spoilt = alert.compartments.model_copy(update={"suspects": suspects, "victims": None})
    value = encode_alert(alert.model_copy(update={"compartments": spoilt}), salts=_no_salt)
    return Poison(key_of(alert), seal(alert, value), Reason.VICTIM_OUTSIDE_VICTIMS)


def _unsigned(alert: Alert, plain: bytes, _seal: "Seal") -> Poison:
    return Poison(key_of(alert), plain, Reason.SIGNATURE_MISSING)


def _changed_label(value: bytes) -> bytes:
    # One later to expire, in the last byte of that time: all else stays as it was signed.
    end = read_head(value)[3] - 1
    return value[:end] + bytes([value[end] ^ 2]) + value[end + 1 :]


def _changed_content(value: bytes) -> bytes:
    slots = AlertParts(value).slots
    end = slots.ends[1] - 1  # last byte of the sealed summary
    return value[:end] + bytes([value[end] ^ 1]) + value[end + 1 :]


def _no_salt() -> bytes:
    return bytes(32)


Seal = Callable[[Alert, bytes], bytes]
Spoil = Callable[[Alert, bytes, Seal], Poison]

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
    "negative union": _of_bytes(Reason.UNION_INDEX, _negative_union),
    "not UTF-8": _of_bytes(Reason.NOT_UTF8, _not_utf8),
    "collection bomb": _of_bytes(Reason.ITEMS, _bomb),
    "false commitment": _of_plain(Reason.COMMITMENT_DIFFERS, _false_commitment),
    "wrong key": _wrong_key,
    "no key": _no_key,
    "wrong originator": _wrong_originator,
    "victim among suspects": _victim_among_suspects,
}

#: More of them where alerts are signed and sealed.
SEALED_POISONS: dict[str, Spoil] = {
    "unsigned": _unsigned,
    "label changed": _of_bytes(Reason.SIGNATURE_INVALID, _changed_label),
    "content changed": _of_bytes(Reason.SEAL_BROKEN, _changed_content),
}
