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
from broker.wire import codec, strict
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
        _try_alert(json.loads(text))
        return
    record = _record(entry, text)
    framed = codec.encode_version(entry, record)
    strict.check(entry.schema_id, framed[codec.FRAME_BYTES :])
    if codec.encode_version(entry, codec.decode(framed, entry.name)) != framed:
        raise ValueError("does not round-trip")


def _try_alert(written: dict[str, Any]) -> None:
    alert = validated(Alert, written)
    if decode_alert(encode_alert(alert)) != alert:
        raise ValueError("does not round-trip")


def _record(entry: SchemaEntry, text: str) -> dict[str, Any]:
    slot = _COMPARTMENT_OF.get(entry.name)
    if slot is not None:
        compartments = validated(Compartments, {slot: json.loads(text)}, "compartments")
        return to_record(getattr(compartments, slot))
    # Avro's JSON encoding has a record on one line.
    line = json.dumps(json.loads(text))
    found = next(iter(fastavro.json_reader(StringIO(line), entry.parsed)))
    assert isinstance(found, dict)
    return found
