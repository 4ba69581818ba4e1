"""One readable page of every field, code list and source, written from the schemas."""

from collections.abc import Iterator
from typing import Any

from broker.wire.schema import Catalogue, SchemaEntry

_INTRODUCTION = """# Schemas

Written from the schema files by `lali schema docs`; do not edit it by hand.

Every record on the wire is framed: `0x00`, four bytes of schema id (big-endian), the Avro
record. The id in the frame is the only one that counts. Files are never edited once they are
published; a change is a new version that both old and new readers can read.

HTCDS: Human Trafficking Case Data Standard 2.0, IOM, CC BY 4.0; IOM does not endorse Lali.
"""


def schema_page(catalogue: Catalogue) -> str:
    """Return the page as Markdown."""
    rows = ["| id | schema | version | what it is |", "|---:|---|---:|---|"]
    rows += [
        f"| {e.schema_id} | [{e.name}](#{e.name}) | {e.version} | {_text(e.avro['doc'])} |"
        for e in sorted(catalogue, key=lambda e: e.schema_id)
    ]
    parts = [_INTRODUCTION, "\n".join(rows)]
    codes: dict[str, dict[str, Any]] = {}
    parts += [
        "\n".join(_entry_lines(entry, codes))
        for entry in sorted(catalogue, key=lambda e: e.schema_id)
        if entry is catalogue.latest(entry.name)
    ]
    parts.append("## Code lists\n")
    parts += ["\n".join(_code_lines(name, codes[name])) for name in sorted(codes)]
    return "\n\n".join(parts) + "\n"


def _entry_lines(entry: SchemaEntry, codes: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield f"## {entry.name}\n\n{_text(entry.avro['doc'])}\n"
    waiting, seen = [entry.avro], set()
    while waiting:
        record = waiting.pop(0)
        if record["name"] in seen:
            continue
        seen.add(record["name"])
        if record is not entry.avro:
            yield f"\n**{record['name']}** {_text(record.get('doc', ''))}\n"
        yield "| field | type | meaning |\n|---|---|---|"
        for field in record["fields"]:
            yield f"| `{field['name']}` | {_name(field['type'])} | {_text(field['doc'])} |"
            _collect(field["type"], waiting, codes)


def _collect(kind: Any, records: list[Any], codes: dict[str, dict[str, Any]]) -> None:
    if isinstance(kind, list):
        for branch in kind:
            _collect(branch, records, codes)
    elif isinstance(kind, dict):
        if kind["type"] == "record":
            records.append(kind)
        elif kind["type"] == "enum":
            codes[kind["name"]] = kind
        elif kind["type"] == "array":
            _collect(kind["items"], records, codes)


def _name(kind: Any) -> str:
    if isinstance(kind, str):
        return kind
    if isinstance(kind, list):
        return f"{_name(kind[1])}, optional"
    if kind["type"] == "array":
        return f"list of {_name(kind['items'])}"
    if kind["type"] == "enum":
        return f"[{kind['name']}](#{kind['name'].lower()})"
    return str(kind.get("name") or kind.get("logicalType") or kind["type"])


def _code_lines(name: str, enum: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n\n{_text(enum['doc'])}\n"
    yield ", ".join(f"`{symbol}`" for symbol in enum["symbols"])


def _text(doc: str) -> str:
    return " ".join(doc.split()).replace("|", "‖")
