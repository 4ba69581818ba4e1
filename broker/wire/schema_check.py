"""Check the schemas: what a published schema promises, and what no codec could mend later."""

from collections.abc import Iterator
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import make_avsc_object

from broker.model.compartment import COMPARTMENTS, UNPARTED_SLOTS
from broker.model.label import LABEL_HEAD
from broker.wire import strict
from broker.wire.alert_codec import SCHEMA_NAMES
from broker.wire.samples import sample_faults
from broker.wire.schema import AvroSchema, Catalogue, SchemaEntry

#: What the top of an alert may hold; anything else would be owned by nothing that policy rules.
_ALERT_FIELDS = ("label", "distribution", "compartments", "signature", "seal")

#: The last version of an alert whose exact parts had no slots of their own.
_UNPARTED = 2


def check_catalogue(catalogue: Catalogue) -> list[str]:
    """Return everything that is wrong with the schemas, a line each."""
    findings: list[str] = []
    for entry in catalogue:
        where = f"{entry.name} v{entry.version}"
        findings += [f"{where}: {fault}" for fault in _entry_faults(entry)]
        findings += [f"{where}: {fault}" for fault in sample_faults(entry)]
    findings += _evolution_faults(catalogue)
    findings += _ownership_faults(catalogue)
    return findings


def _entry_faults(entry: SchemaEntry) -> Iterator[str]:
    if entry.file_digest() != entry.sha256:
        yield "the file was edited after its digest was pinned: make a new version"
    try:
        strict.compile_walk(entry.avro)
    except strict.RecursiveSchema as fault:
        yield f"refers to itself: {fault}"
    except ValueError as fault:
        yield str(fault)
    yield from _type_faults(entry.avro, entry.avro["name"])


def _type_faults(schema: Any, path: str) -> Iterator[str]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _type_faults(branch, path)
    if not isinstance(schema, dict):
        return
    if schema["type"] in ("record", "enum", "fixed") and not schema.get("doc"):
        yield f"{path}: no doc"
    if schema["type"] == "enum" and (
        schema["symbols"][0] != "UNKNOWN" or schema.get("default") != "UNKNOWN"
    ):
        yield f"{path}: UNKNOWN must be the first symbol and the default"
    for field in schema.get("fields", ()):
        yield from _field_faults(field, f"{path}.{field['name']}")
    yield from _type_faults(schema.get("items"), f"{path}[]")
    if isinstance(schema["type"], (dict, list)):
        yield from _type_faults(schema["type"], path)


def _field_faults(field: dict[str, Any], path: str) -> Iterator[str]:
    if not field.get("doc"):
        yield f"{path}: no doc"
    kind = field["type"]
    if isinstance(kind, list) and (kind[0] != "null" or field.get("default", 0) is not None):
        yield f"{path}: an optional field is a union with null first and null as default"
    yield from _type_faults(kind, path)


def _evolution_faults(catalogue: Catalogue) -> Iterator[str]:
    before: dict[str, SchemaEntry] = {}
    for entry in catalogue:  # by name, then version
        older = before.get(entry.name)
        if older is not None:
            for reader, writer in ((entry, older), (older, entry)):
                for fault in incompatibilities(reader.avro, writer.avro):
                    yield f"{entry.name}: v{reader.version} cannot read v{writer.version}: {fault}"
        before[entry.name] = entry


def incompatibilities(reader: AvroSchema, writer: AvroSchema) -> list[str]:
    """Return why *reader* cannot read what *writer* wrote, by Apache Avro's own judgement."""
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(make_avsc_object(reader), make_avsc_object(writer))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    places = sorted(result.locations) or ["/"]
    kinds = sorted({kind.name for kind in result.incompatibilities}) or ["incompatible"]
    return [f"{', '.join(kinds)} at {', '.join(places)}"]


def _ownership_faults(catalogue: Catalogue) -> Iterator[str]:
    for entry in catalogue:
        if entry.name != "alert":
            continue
        fields = {field["name"]: field for field in entry.avro["fields"]}
        order = list(fields)
        if order[:2] != ["label", "distribution"]:
            yield "alert: label and distribution come first: they are all that the router reads"
        for name in order:
            if name not in _ALERT_FIELDS:
                yield f"alert: no compartment, label or distribution owns the field {name}"
        head = [f["name"] for f in fields["label"]["type"]["fields"]][: len(LABEL_HEAD)]
        if tuple(head) != LABEL_HEAD:
            yield f"alert: a label begins with {', '.join(LABEL_HEAD)}"
        slots = [f["name"] for f in fields["compartments"]["type"]["fields"]]
        wanted = COMPARTMENTS[:UNPARTED_SLOTS] if entry.version <= _UNPARTED else COMPARTMENTS
        if slots != [name.value for name in wanted]:
            yield "alert: the slots are not the compartments in their order"
    for schema in SCHEMA_NAMES.values():
        try:
            catalogue.latest(schema)
        except KeyError:
            yield f"{schema}: a compartment without a schema"
