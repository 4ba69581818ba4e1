"""What route reads on `alerts`: any value, under any headers.

The first byte counts the headers; each is its kind, its length (255: no value) and its value.
"""

from fuzz import samples
from fuzz.harness import Target

from broker.pipeline.accepted import (
    INTAKE_HEADER,
    STATEMENT_HEADER,
    intake_header,
    read_accepted,
    statement_digest,
    statement_header,
)

NAMES = (INTAKE_HEADER, STATEMENT_HEADER, "other")
_NULL = 255


def read(data):
    headers, position = [], 1
    for _ in range(data[0] % 4 if data else 0):
        kind, length = (*data[position : position + 2], 0, 0)[:2]
        position += 2
        content = None if length == _NULL else data[position : position + length]
        position += 0 if content is None else length
        headers.append((NAMES[kind % len(NAMES)], content))
    record = samples.consumer_record(data[position:] or None, headers)
    statement_digest(record)
    read_accepted(record)


def seeds():
    value = samples.plain_alerts()["small"]
    intake, statement = intake_header(3, 12345)[1], statement_header(bytes(32), bytes(32))[1]
    one = b"\0" + bytes([len(intake)]) + intake
    two = b"\1" + bytes([len(statement)]) + statement
    return {"plain": b"\1" + one + value, "sealed": b"\2" + one + two + value}


TARGET = Target(read, seeds)
