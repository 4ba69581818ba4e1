"""The schema catalogue: every schema that may appear on the wire, by its pinned id.

A record's id comes from its own first five bytes alone, and an id that is not catalogued is
refused. Published files are never edited: the catalogue holds their digests.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import fastavro

from broker.resources import shipped

AvroSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SchemaEntry:
    """One version of one schema.

    Attributes:
        schema_id: The id in the frame of every record.
        name: Name in the catalogue, such as ``alert``.
        version: Version, 1 for the first.
        avro: The schema as its file has it.
        parsed: The same, parsed by fastavro.
        sha256: Digest that the catalogue pins for the file, hexadecimal.
        file: The file.
    """

    schema_id: int
    name: str
    version: int
    avro: AvroSchema = field(repr=False, hash=False, compare=False)
    parsed: AvroSchema = field(repr=False, hash=False, compare=False)
    sha256: str = ""
    file: Path = Path()

    @property
    def frame(self) -> bytes:
        """The five bytes that begin every record of this schema (Confluent wire format)."""
        return b"\x00" + self.schema_id.to_bytes(4, "big")

    def file_digest(self) -> str:
        """Return the SHA-256 that the file really has, hexadecimal."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()


class Catalogue:
    """All schemas, by id and by name."""

    def __init__(self, entries: list[SchemaEntry]) -> None:
        self._entries = sorted(entries, key=lambda entry: (entry.name, entry.version))
        self._by_id = {entry.schema_id: entry for entry in entries}
        self._latest = {entry.name: entry for entry in self._entries}

    def __iter__(self) -> Iterator[SchemaEntry]:
        return iter(self._entries)

    def by_id(self, schema_id: int) -> SchemaEntry | None:
        """Return the schema with that id, or None if none is catalogued."""
        return self._by_id.get(schema_id)

    def latest(self, name: str) -> SchemaEntry:
        """Return the newest version of *name*.

        Raises:
            KeyError: No such schema.
        """
        return self._latest[name]


def read_catalogue(folder: Path) -> Catalogue:
    """Read ``catalogue.toml`` and the schema files that it names.

    Raises:
        ValueError: An id, or a name with its version, appears twice.
    """
    rows = tomllib.loads((folder / "catalogue.toml").read_text())["schema"]
    entries = [_entry(folder, row) for row in rows]
    for key in ("schema_id", "file"):
        if len({getattr(entry, key) for entry in entries}) != len(entries):
            raise ValueError(f"catalogue.toml: a {key} appears twice")
    return Catalogue(entries)


def _entry(folder: Path, row: dict[str, Any]) -> SchemaEntry:
    file = folder / row["file"]
    avro = json.loads(file.read_text())
    # A name table of its own: fastavro's global one mixes records of equal name.
    parsed = cast("AvroSchema", fastavro.parse_schema(avro, named_schemas={}))
    return SchemaEntry(row["id"], row["name"], row["version"], avro, parsed, row["sha256"], file)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that ships with Lali."""
    return read_catalogue(shipped("schemas"))
