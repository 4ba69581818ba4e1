"""The strict decoder, on one compartment under a commitment that is right.

The first byte says which compartment; a change of the others would else go no further than
the commitment.
"""

from fuzz import samples
from fuzz.harness import Target

from broker.model.compartment import COMPARTMENTS
from broker.wire.alert_bytes import Slots, read_attributes, read_head
from broker.wire.alert_codec import SALT_BYTES, _compartments, commitment
from broker.wire.layout import LATEST, layout_of
from broker.wire.schema import catalogue

OLD = layout_of(next(e.frame for e in catalogue() if (e.name, e.version) == ("alert", 2)))
EMPTY = {each.value: {"commitment": b"", "content": None} for each in COMPARTMENTS}


def read(data):
    number = data[0] % len(COMPARTMENTS) if data else 0
    name = COMPARTMENTS[number]
    salted = bytes(SALT_BYTES) + data[1:]
    slot = {"content": salted, "commitment": commitment(name.value, salted)}
    _compartments(EMPTY | {name.value: slot}, OLD if number < OLD.slots else LATEST)


def seeds():
    value = samples.plain_alerts()["full"]
    slots = Slots(value, read_attributes(value, read_head(value)[3])[2])
    return {
        name.value: bytes([number]) + slots.content(value, number)[SALT_BYTES:]
        for number, name in enumerate(COMPARTMENTS)
    }


TARGET = Target(read, seeds)
