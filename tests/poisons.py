"""Bad input of every kind, each one fault away from an alert that would be accepted."""

from datetime import UTC, datetime, timedelta

from spoilt_alerts import (
    FRAME,
    SALT,
    Poison,
    canary_alert,
    inside,
    key_of,
    labelled,
    neighbour,
    recoded,
    rewritten,
    spoilt,
)

from broker.model.reason import Reason
from broker.wire import codec, strict, varint
from broker.wire.alert_bytes import Slots, read_attributes, read_head
from broker.wire.alert_codec import commitment, encode_alert, to_record


def _frame(schema_id):
    return lambda value: b"\0" + schema_id.to_bytes(4, "big") + value[FRAME:]


def _at(place, put):
    """Return a change of the bytes at *place*, which is found in the alert."""

    def spoil(value):
        at = place(value)
        return value[:at] + put + value[at + 1 :]

    return spoil


def _message_type(value):
    return read_head(value)[3]


def _tlp(value):
    length, text = varint.decode(value, _message_type(value) + 2)
    return text + length


def _slots(value):
    return read_attributes(value, read_head(value)[3])[2]


def _first_union(value):
    return Slots(value, _slots(value)).start + 32


def _bomb(value):
    return value[: _tlp(value) + 2] + varint.encode(1 << 40) + value[_tlp(value) + 2 :]


def _long_revision(value):
    at = FRAME + 16
    return value[:at] + b"\x82\x00" + value[at + 1 :]


def _on_anothers_topic():
    alert = canary_alert()
    value = encode_alert(alert)
    unit = "samoa-immigration"
    return Poison(Reason.ORIGINATOR_DIFFERS, value, key_of(alert), "label.originator", unit)


def _under_key(reason, make_key):
    def make():
        alert = canary_alert()
        return Poison(reason, encode_alert(alert), make_key(alert))

    return make


def _headed(name, content):
    return spoilt(Reason.SCHEMA_HEADER_DIFFERS, bytes, headers=((name, content),))


def _victim_among_suspects(record):
    persons = to_record(canary_alert().compartments.victims)["persons"]
    held = record["compartments"]["suspects"]
    held["content"] = SALT + codec.encode("suspects", {"persons": persons})
    held["commitment"] = commitment("suspects", held["content"])


def _victims_passport_apart(record):
    record["items"][0]["holder"] = "p1"


_THEN = datetime.now(UTC) - timedelta(days=3)
_OVERSIZE = strict.LIMITS.max_bytes

POISONS = {
    "null": spoilt(Reason.EMPTY, lambda _value: None),
    "empty": spoilt(Reason.EMPTY, lambda _value: b""),
    "shorter than a frame": spoilt(Reason.FRAMING, lambda value: value[:3]),
    "another first byte": spoilt(Reason.FRAMING, lambda value: b"\x01" + value[1:]),
    "oversized": spoilt(Reason.OVERSIZED, lambda value: value + bytes(_OVERSIZE)),
    "unknown schema id": spoilt(Reason.SCHEMA_UNKNOWN, _frame(4_000_000_000)),
    "id of another schema": spoilt(Reason.SCHEMA_UNEXPECTED, _frame(31)),
    "id of a compartment": spoilt(Reason.SCHEMA_UNEXPECTED, _frame(14)),
    "header with another id": _headed("__value_schema_id", b"31"),
    "header with another id, binary": _headed("value.schema.id", b"\0\0\0\x0b"),
    "header that is no id": _headed("schema.id", b"cnry"),
    "truncated": spoilt(Reason.TRUNCATED, lambda value: value[: len(value) * 2 // 3], None),
    "truncated by a byte": spoilt(Reason.TRUNCATED, lambda value: value[:-1], "seal"),
    "trailing byte": spoilt(Reason.TRAILING_BYTES, lambda value: value + b"\0"),
    "two alerts in one": spoilt(Reason.TRAILING_BYTES, lambda value: value + value[FRAME:]),
    "negative enum index": spoilt(
        Reason.ENUM_INDEX, _at(_message_type, b"\x01"), "label.message_type"
    ),
    "negative marking": spoilt(Reason.ENUM_INDEX, _at(_tlp, b"\x01"), "label.tlp"),
    "marking beyond the symbols": spoilt(Reason.ENUM_INDEX, _at(_tlp, b"\x0c"), "label.tlp"),
    "negative union index": spoilt(
        Reason.UNION_INDEX, _at(_first_union, b"\x01"), "compartments.summary.content"
    ),
    "union index beyond": spoilt(
        Reason.UNION_INDEX, _at(_first_union, b"\x04"), "compartments.summary.content"
    ),
    "collection bomb": spoilt(Reason.ITEMS, _bomb, "label.caveats"),
    "block with a size": spoilt(
        Reason.BLOCK, _at(lambda value: _tlp(value) + 2, b"\x01\x02\x02\x00"), "label.caveats"
    ),
    "varint longer than needed": spoilt(Reason.VARINT, _long_revision, "label.revision"),
    "not UTF-8": spoilt(
        Reason.NOT_UTF8, _at(lambda value: _message_type(value) + 3, b"\xff"), "label.originator"
    ),
    "moment beyond the calendar": spoilt(
        Reason.FIELD_INVALID,
        lambda v: v[: FRAME + 17] + varint.encode(1 << 62) + v[FRAME + 23 :],
    ),
    "commitment that differs": spoilt(
        Reason.COMMITMENT_DIFFERS, _at(_slots, b"\xaa"), "compartments.summary"
    ),
    "contents in another slot": rewritten(
        Reason.COMMITMENT_DIFFERS,
        "compartments.summary",
        lambda r: r["compartments"].update(summary=r["compartments"]["assessment"]),
    ),
    "contents shorter than a salt": rewritten(
        Reason.TRUNCATED,
        "compartments.victims",
        lambda r: r["compartments"]["victims"].update(content=b"cnry"),
    ),
    "truncated compartment": inside(
        "victims", Reason.TRUNCATED, "victims.persons[0].roles", lambda c: c[:-60]
    ),
    "compartment with a trailing byte": inside(
        "victims", Reason.TRAILING_BYTES, "victims", lambda c: c + b"\0"
    ),
    "compartment of another schema": inside(
        "summary", Reason.SCHEMA_UNEXPECTED, "summary", lambda c: b"\0\0\0\0\x13" + c[FRAME:]
    ),
    "boolean 2": inside(
        "contact", Reason.BOOLEAN, "contact.do_not_approach", lambda c: c[:-2] + b"\x02" + c[-1:]
    ),
    "key of another alert": _under_key(Reason.KEY_DIFFERS, lambda _alert: key_of(neighbour())),
    "key that is a name": _under_key(Reason.KEY_DIFFERS, lambda _alert: b"Cnry Example, born 1999"),
    "key in upper case": _under_key(Reason.KEY_DIFFERS, lambda alert: key_of(alert).upper()),
    "no key": _under_key(Reason.KEY_DIFFERS, lambda _alert: None),
    "on another's topic": _on_anothers_topic,
    "signed as somebody else": labelled(
        Reason.ORIGINATOR_DIFFERS, "label.originator", originator="cnry-police"
    ),
    "originator that is no id": labelled(
        Reason.FIELD_INVALID, "label.originator", originator="../Cnry Example"
    ),
    "expired on arrival": labelled(
        Reason.EXPIRED_ON_ARRIVAL,
        "label.expires_at",
        originated_at=_THEN,
        expires_at=_THEN + timedelta(days=1),
    ),
    "expires before it began": labelled(
        Reason.TIMES_INVALID, "label", expires_at=_THEN - timedelta(days=9999)
    ),
    "revision 0": labelled(Reason.FIELD_INVALID, "label.revision", revision=0),
    "unknown message type": labelled(
        Reason.CODE_UNKNOWN, "label.message_type", message_type="UNKNOWN"
    ),
    "unknown country": labelled(
        Reason.CODE_UNKNOWN, "label.countries_origin[1]", countries_origin=["VU", "CNRY"]
    ),
    "unknown code in a compartment": recoded(
        "indicators",
        Reason.CODE_UNKNOWN,
        "indicators.controls[0]",
        lambda record: record.update(controls=["CnryControl"]),
    ),
    "text beyond its length": recoded(
        "assessment",
        Reason.FIELD_INVALID,
        "assessment.text",
        lambda record: record.update(text="Cnry " * 4000),
    ),
    "victim among suspects": rewritten(
        Reason.VICTIM_OUTSIDE_VICTIMS, "compartments", _victim_among_suspects
    ),
    "suspect among victims": recoded(
        "victims",
        Reason.NOT_A_VICTIM,
        "",
        lambda record: record["persons"][0].update(roles=["SUSPECT"]),
    ),
    "victim's passport among documents": recoded(
        "documents", Reason.VICTIM_OUTSIDE_VICTIMS, "", _victims_passport_apart
    ),
}
