"""What accept opens: a signed and sealed alert, against a fixed register."""

from fuzz import samples
from fuzz.harness import Target
from fuzz.keys import HELD, NOW, UNIT, vault

from broker.pipeline.unseal import Unsealer

UNSEALER = Unsealer(samples.register, HELD, vault(), lambda: NOW)


def read(data):
    UNSEALER.open(data, UNIT)


TARGET = Target(read, samples.sealed_alerts)
