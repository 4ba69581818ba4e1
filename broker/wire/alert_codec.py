"""Alerts and releases: the readable models to framed records and back.

A slot holds ``salt(32) | framed compartment`` and the commitment
``SHA-256(slot name | salt | framed compartment)``. An empty slot has a commitment too, over
a salt that is thrown away, so that it looks like one whose content was withheld.
"""

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from broker.errors import Rejected
from broker.model.alert import Alert, Compartments
from broker.model.compartment import COMPARTMENTS, EXACT_PART_OF, Compartment
from broker.model.label import Distribution, Label
from broker.model.parting import registered
from broker.model.reason import Reason
from broker.model.release import ReleaseKind, ReleaseView
from broker.model.text import Reading, reading
from broker.wire import codec
from broker.wire.layout import LATEST, Layout, layout_of
from broker.wire.refusal import validated

SALT_BYTES = 32

#: Catalogue name of each compartment's schema.
SCHEMA_NAMES = {name: name.value.replace("_", "-") for name in COMPARTMENTS}

Salts = Callable[[], bytes]


def random_salt() -> bytes:
    """Return a fresh salt."""
    return os.urandom(SALT_BYTES)


def encode_alert(alert: Alert, salts: Salts = random_salt) -> bytes:
    """Return *alert* as a framed record, with a commitment in every slot."""
    slots = {
        name.value: _slot(name, getattr(alert.compartments, name), salts) for name in COMPARTMENTS
    }
    record = {
        "label": to_record(alert.label),
        "distribution": to_record(alert.distribution),
        "compartments": slots,
        "signature": None,
    }
    return codec.encode("alert", record)


def decode_alert(value: bytes | None) -> Alert:
    """Read an alert from outside: strictly, every compartment, every commitment.

    Raises:
        Rejected: With the first thing that is wrong.
    """
    record = codec.decode(value, "alert")
    with reading(Reading.EXACT):
        return Alert(
            label=_label(record["label"]),
            distribution=_distribution(record),
            compartments=_compartments(record["compartments"], layout_of(value or b"")),
        )


def read_label(value: bytes | None) -> tuple[Label, Distribution]:
    """Read label and distribution of an alert from outside, sealed or not.

    Its slots stay closed.

    Raises:
        Rejected: The bytes are not exactly one canonical alert, or the label is not right.
    """
    record = codec.decode(value, "alert")
    return _label(record["label"]), _distribution(record)


def decode_release(value: bytes | None, *, with_record: bool = False) -> ReleaseView:
    """Read a release: strictly, every compartment it holds, every commitment.

    Of a sealed release only the label is read; its slots stay closed.

    Args:
        value: The framed release.
        with_record: Put the record itself into the view, so that it can be verified.

    Raises:
        Rejected: With the first thing that is wrong.
    """
    record = codec.decode(value, "release")
    refuse_shape(record)
    sealed = any(record.get(name) is not None for name in ("feed_key", "recipient_key"))
    slots = None if sealed else record["compartments"]
    layout = layout_of(value or b"")
    return ReleaseView(
        kind=ReleaseKind(record["kind"]),
        alert_id=UUID(bytes=record["alert_id"]),
        revision=record["revision"],
        released_at=record["released_at"],
        acknowledge_within_seconds=record["acknowledge_within_seconds"],
        label=_label(record["label"]) if record["label"] else None,
        compartments=_stored(slots, layout) if slots else Compartments(),
        sealed=sealed,
        record=base64.b64encode(value or b"").decode() if with_record else None,
    )


def refuse_shape(record: dict[str, Any]) -> None:
    """Refuse a decoded release without label or content, and a recall with either.

    Raises:
        Rejected: Its shape is none that route writes.
    """
    kind = ReleaseKind(record["kind"])
    if kind is ReleaseKind.UNKNOWN:
        raise Rejected(Reason.CODE_UNKNOWN, "kind")
    for name in ("label", "compartments"):
        if kind is ReleaseKind.RELEASE and record[name] is None:
            raise Rejected(Reason.FIELD_MISSING, name)
        if kind is ReleaseKind.RECALL and record[name] is not None:
            raise Rejected(Reason.FIELD_INVALID, name)
    if record["revision"] < 1:
        raise Rejected(Reason.FIELD_INVALID, "revision")
    # What is signed is the label: the fields beside it must not say something else.
    for name in ("alert_id", "revision"):
        if record["label"] and record["label"][name] != record[name]:
            raise Rejected(Reason.FIELD_INVALID, name)


def commitment(name: str, salted: bytes) -> bytes:
    """Return the commitment of slot *name* to *salted* (salt, then framed compartment)."""
    return hashlib.sha256(name.encode() + salted).digest()


def to_record(model: BaseModel) -> dict[str, Any]:
    """Return *model* as fastavro takes it: UUIDs as their 16 bytes."""
    return {name: _plain(value) for name, value in model}


def _plain(value: Any) -> Any:
    match value:
        case UUID():
            return value.bytes
        case BaseModel():
            return to_record(value)
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _slot(name: Compartment, model: BaseModel | None, salts: Salts) -> dict[str, Any]:
    salt = salts()
    if model is None:
        return {"commitment": commitment(name.value, salt), "content": None}
    salted = salt + codec.encode(SCHEMA_NAMES[name], to_record(model))
    return {"commitment": commitment(name.value, salted), "content": salted}


def _label(record: dict[str, Any]) -> Label:
    return validated(Label, record | {"alert_id": UUID(bytes=record["alert_id"])}, "label")


def _distribution(record: dict[str, Any]) -> Distribution:
    return validated(Distribution, record["distribution"], "distribution")


def _compartments(slots: dict[str, Any], layout: Layout) -> Compartments:
    names = COMPARTMENTS[: layout.slots]
    opened = {name.value: _open(name, slots[name.value], layout) for name in names}
    if layout is not LATEST:
        opened = registered(opened)
    return validated(Compartments, opened, "compartments")


def _stored(slots: dict[str, Any], layout: Layout) -> Compartments:
    with reading(Reading.STORED):
        return _compartments(slots, layout)


def _open(name: Compartment, slot: dict[str, Any], layout: Layout) -> dict[str, Any] | None:
    salted = slot["content"]
    path = f"compartments.{name.value}"
    if salted is None:
        return None
    if len(salted) <= SALT_BYTES:
        raise Rejected(Reason.TRUNCATED, path)
    if commitment(name.value, salted) != slot["commitment"]:
        raise Rejected(Reason.COMMITMENT_DIFFERS, path)
    try:
        record = codec.decode(salted[SALT_BYTES:], SCHEMA_NAMES[name])
        _refuse_unparted(name, salted, layout)
    except Rejected as rejected:
        raise Rejected(rejected.reason, f"{path}.{rejected.path}".rstrip(".")) from None
    if record.get("case_id"):
        record["case_id"] = UUID(bytes=record["case_id"])
    return record


def _refuse_unparted(name: Compartment, salted: bytes, layout: Layout) -> None:
    """Refuse an exact part in its old place, in an alert that has slots for exact parts."""
    entry = codec.unframe(salted[SALT_BYTES:], SCHEMA_NAMES[name])
    if layout is LATEST and name in EXACT_PART_OF and entry.version == 1:
        raise Rejected(Reason.SCHEMA_UNEXPECTED)
