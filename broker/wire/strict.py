"""Strict reading of Avro bytes from outside: refuse whatever we would not write ourselves.

fastavro takes negative enum and union indexes (a marking turns into another), trailing
bytes, booleans other than 0 and 1, and five bytes that expand to hundreds of megabytes. So
outside bytes are first walked by this module, which builds nothing, and only then decoded.

The walk takes exactly the canonical form: shortest varints, arrays in one block with a
positive count, and the end of the record at the end of the input. Errors name the field.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire.schema import AvroSchema, catalogue
from broker.wire.walks import (
    PRIMITIVES,
    Budget,
    Fault,
    Walk,
    walk_array,
    walk_enum,
    walk_fixed,
    walk_record,
    walk_union,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold before anything is decoded.

    Attributes:
        max_bytes: Largest payload, bytes.
        max_items: Array items and map entries in the whole record, empty ones too.
        max_depth: Deepest nesting of types; checked when a schema is compiled.
    """

    max_bytes: int = 262_144
    max_items: int = 20_000
    max_depth: int = 16


LIMITS = Limits()


class RecursiveSchema(ValueError):
    """The schema refers to itself: a few bytes could nest without end."""


def check(schema_id: int, payload: bytes, limits: Limits = LIMITS) -> None:
    """Refuse *payload* unless it is exactly one canonical record of that schema.

    Raises:
        Rejected: With the reason and the path of the field at fault.
    """
    if len(payload) > limits.max_bytes:
        raise Rejected(Reason.OVERSIZED)
    walk_all(_compiled(schema_id), payload, limits)


def walk_all(walk: Walk, payload: bytes, limits: Limits = LIMITS) -> None:
    """Apply a compiled *walk* to the whole of *payload*.

    Raises:
        Rejected: As `check`.
    """
    try:
        end = walk(payload, 0, Budget(limits.max_items))
    except IndexError:
        raise Rejected(Reason.TRUNCATED) from None
    except Fault as fault:
        raise Rejected(fault.reason, "".join(reversed(fault.path)).lstrip(".")) from None
    if end != len(payload):
        raise Rejected(Reason.TRAILING_BYTES)


@cache
def _compiled(schema_id: int) -> Walk:
    entry = catalogue().by_id(schema_id)
    if entry is None:
        raise Rejected(Reason.SCHEMA_UNKNOWN)
    return compile_walk(entry.avro)


def compile_walk(schema: AvroSchema, limits: Limits = LIMITS) -> Walk:
    """Compile *schema* into a walk.

    Raises:
        RecursiveSchema: A type contains itself, or nests deeper than the limit.
        ValueError: A map, or two types whose names differ in their namespace only.
    """
    return _Compiler(limits.max_depth).compile(schema, ())


class _Compiler:
    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._named: dict[str, Any] = {}

    def compile(self, schema: Any, within: tuple[str, ...], depth: int = 0) -> Walk:
        if depth > self._max_depth:
            raise RecursiveSchema("nested too deep")
        if isinstance(schema, list):
            return walk_union([self.compile(branch, within, depth + 1) for branch in schema])
        if isinstance(schema, str):
            return self._by_name(schema, within, depth)
        return self._complex(schema, within, depth)

    def _by_name(self, name: str, within: tuple[str, ...], depth: int) -> Walk:
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        short = name.rpartition(".")[2]
        if short in within:
            raise RecursiveSchema(short)
        return self.compile(self._named[short], within, depth)

    def _complex(self, schema: dict[str, Any], within: tuple[str, ...], depth: int) -> Walk:
        kind = schema["type"]
        if kind in ("record", "enum", "fixed"):
            name = schema["name"].rpartition(".")[2]
            if self._named.setdefault(name, schema) is not schema:
                raise ValueError(f"two types are called {name}")
            within = (*within, name) if kind == "record" else within
        match kind:
            case "record":
                fields = schema["fields"]
                return walk_record(
                    [(f["name"], self.compile(f["type"], within, depth + 1)) for f in fields]
                )
            case "array":
                return walk_array(self.compile(schema["items"], within, depth + 1))
            case "enum":
                return walk_enum(len(schema["symbols"]))
            case "fixed":
                return walk_fixed(schema["size"])
            case "map":
                raise ValueError("maps are not used: their order has no canonical form")
            case _:
                return self.compile(kind, within, depth + 1)
