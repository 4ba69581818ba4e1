"""Makers of bad input: an alert that would be accepted, but for one change.

Every text carries a canary, so that a value that escapes is found wherever it went.
"""

import copy
from dataclasses import dataclass

from broker.model.reason import Reason
from broker.testing import make_alert
from broker.wire import codec
from broker.wire.alert_codec import commitment, encode_alert

UNIT = "fiji-immigration"
FRAME = codec.FRAME_BYTES
SALT = bytes(32)


@dataclass
class Poison:
    """Bad input as it is sent, and what must be said of it. A path of None is any."""

    reason: Reason
    value: bytes | None
    key: bytes | None
    path: str | None = ""
    unit: str = UNIT
    headers: tuple = ()


def neighbour(unit=UNIT):
    """Return an alert that is accepted, without any canary."""
    return make_alert(mark="SYNTHETIC", originator=unit)


def canary_alert(**label):
    """Return an alert that is accepted, with a canary in every text."""
    return make_alert(mark="CNRY", distribution={"releasable_to": ["cnry-basis"]}, **label)


def key_of(alert):
    """Return the key under which *alert* travels."""
    return str(alert.label.alert_id).encode()


def spoilt(reason, spoil, path="", **more):
    """Return the maker of an alert whose framed bytes *spoil* changes."""

    def make():
        alert = canary_alert()
        return Poison(reason, spoil(encode_alert(alert)), key_of(alert), path, **more)

    return make


def labelled(reason, path, **label):
    """Return the maker of an alert that is well formed, with a label that is not right."""
    return rewritten(reason, path, lambda record: record["label"].update(label))


def rewritten(reason, path, change):
    """Return the maker of an alert whose Avro record *change* alters before it is encoded."""

    def make():
        alert = canary_alert()
        record = copy.deepcopy(codec.decode(encode_alert(alert), "alert"))
        change(record)
        return Poison(reason, codec.encode("alert", record), key_of(alert), path)

    return make


def inside(slot, reason, path, change):
    """Return the maker of an alert with one bad compartment under a right commitment."""

    def put(record):
        held = record["compartments"][slot]
        content = change(held["content"][len(SALT) :])
        held["content"] = SALT + content
        held["commitment"] = commitment(slot, held["content"])

    return rewritten(reason, f"compartments.{path}".rstrip("."), put)


def recoded(slot, reason, path, change):
    """As `inside`, with *change* applied to the decoded compartment."""
    name = slot.replace("_", "-")

    def recode(content):
        record = codec.decode(content, name)
        change(record)
        return codec.encode(name, record)

    return inside(slot, reason, path, recode)
