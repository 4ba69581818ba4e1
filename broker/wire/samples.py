"""Samples of each schema, and the check that they are what the schema says.

``schemas/<name>/samples/*.json``: alerts and compartments as people write them (Lali JSON),
all other records in Avro's own JSON encoding.
"""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import fastavro

from broker.errors import Rejected
from broker.model.alert import Alert, Compartments
from broker.model.compartment import COMPARTMENTS
from broker.wire import codec
from broker.wire.alert_codec import SCHEMA_NAMES, decode_alert, encode_alert, to_record
from broker.wire.refusal import validated
from broker.wire.schema import SchemaEntry

_COMPARTMENT_OF = {schema: name.value for name, schema in SCHEMA_NAMES.items()}


def samples_of(entry: SchemaEntry) -> list[Path]:
    """Return the sample files of *entry*, sorted."""
    return sorted((entry.file.parent / "samples").glob("*.json"))


def sample_faults(entry: SchemaEntry) -> Iterator[str]:
    """Yield what is wrong with the samples of *entry*; that there are none is wrong, too."""
    files = samples_of(entry)
    if not files:
        yield "no sample"
    for file in files:
        try:
            _try_sample(entry, file.read_text())
        except Rejected as rejected:
            yield f"{file.name}: {rejected}"
        except (ValueError, KeyError, TypeError, EOFError) as fault:
            yield f"{file.name}: {type(fault).__name__}"


def _try_sample(entry: SchemaEntry, text: str) -> None:
    if entry.name == "alert":
        _try_alert(entry, json.loads(text))
    elif (slot := _COMPARTMENT_OF.get(entry.name)) is not None:
        compartments = validated(Compartments, {slot: json.loads(text)}, "compartments")
        _lose_nothing(entry, to_record(getattr(compartments, slot)))
    else:
        _round_trip(entry, _record(entry, text))


def _try_alert(entry: SchemaEntry, written: dict[str, Any]) -> None:
    alert = validated(Alert, written)
    known = encode_alert(alert)
    if decode_alert(known) != alert:
        raise ValueError("does not round-trip")
    record = codec.decode(known, "alert")
    if len(_slots_of(entry)) < len(COMPARTMENTS):
        _round_trip(entry, record)  # what it has no slots for, it cannot hold
    else:
        _lose_nothing(entry, record)


def _slots_of(entry: SchemaEntry) -> list[str]:
    fields = {field["name"]: field["type"] for field in entry.avro["fields"]}
    return [field["name"] for field in fields["compartments"]["fields"]]


def _lose_nothing(entry: SchemaEntry, record: codec.Record) -> None:
    # A schema that dropped a field would round-trip, and lose what stood in it.
    again = _round_trip(entry, record)
    if codec.encode(entry.name, again) != codec.encode(entry.name, record):
        raise ValueError("does not hold all of it")


def _round_trip(entry: SchemaEntry, record: codec.Record) -> codec.Record:
    """Return *record* written and read by *entry*'s own schema, which need not ship with Lali."""
    framed = codec.encode_version(entry, record)
    again = codec.decode_version(entry, framed)
    if codec.encode_version(entry, again) != framed:
        raise ValueError("does not round-trip")
    return again


def _record(entry: SchemaEntry, text: str) -> codec.Record:
    # Avro's JSON encoding has a record on one line.
    line = json.dumps(json.loads(text))
    found = next(iter(fastavro.json_reader(StringIO(line), entry.parsed)))
    assert isinstance(found, dict)
    return found
