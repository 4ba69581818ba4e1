"""Strict reading of Avro bytes from outside: refuse whatever we would not write ourselves.

fastavro takes negative enum and union indexes (a marking turns into another), trailing
bytes, booleans other than 0 and 1, and five bytes that expand to hundreds of megabytes. So
outside bytes are first walked by this module, which builds nothing, and only then decoded.

The walk takes exactly the canonical form: shortest varints, arrays in one block with a
positive count, and the end of the record at the end of the input. Errors name the field.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from struct import unpack_from
from typing import Any

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire.schema import AvroSchema, catalogue


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

_INT = (-(1 << 31), (1 << 31) - 1, 5)
_LONG = (-(1 << 63), (1 << 63) - 1, 10)


class _Budget:
    """Items that the record may still hold."""

    __slots__ = ("items",)

    def __init__(self, items: int) -> None:
        self.items = items


#: Walks one value: (data, position, budget) → position after it. Raises `_Fault`.
_Walk = Callable[[bytes, int, _Budget], int]


class _Fault(Exception):
    """A refusal on its way up, collecting the path."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        self.path: list[str] = []


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


def walk_all(walk: _Walk, payload: bytes, limits: Limits = LIMITS) -> None:
    """Apply a compiled *walk* to the whole of *payload*.

    Raises:
        Rejected: As `check`.
    """
    try:
        end = walk(payload, 0, _Budget(limits.max_items))
    except IndexError:
        raise Rejected(Reason.TRUNCATED) from None
    except _Fault as fault:
        raise Rejected(fault.reason, "".join(reversed(fault.path)).lstrip(".")) from None
    if end != len(payload):
        raise Rejected(Reason.TRAILING_BYTES)


@cache
def _compiled(schema_id: int) -> _Walk:
    entry = catalogue().by_id(schema_id)
    if entry is None:
        raise Rejected(Reason.SCHEMA_UNKNOWN)
    return compile_walk(entry.avro)


def compile_walk(schema: AvroSchema, limits: Limits = LIMITS) -> _Walk:
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

    def compile(self, schema: Any, within: tuple[str, ...], depth: int = 0) -> _Walk:
        if depth > self._max_depth:
            raise RecursiveSchema("nested too deep")
        if isinstance(schema, list):
            return _union([self.compile(branch, within, depth + 1) for branch in schema])
        if isinstance(schema, str):
            return self._by_name(schema, within, depth)
        return self._complex(schema, within, depth)

    def _by_name(self, name: str, within: tuple[str, ...], depth: int) -> _Walk:
        if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        short = name.rpartition(".")[2]
        if short in within:
            raise RecursiveSchema(short)
        return self.compile(self._named[short], within, depth)

    def _complex(self, schema: dict[str, Any], within: tuple[str, ...], depth: int) -> _Walk:
        kind = schema["type"]
        if kind in ("record", "enum", "fixed"):
            name = schema["name"].rpartition(".")[2]
            if self._named.setdefault(name, schema) is not schema:
                raise ValueError(f"two types are called {name}")
            within = (*within, name) if kind == "record" else within
        match kind:
            case "record":
                fields = schema["fields"]
                return _record(
                    [(f["name"], self.compile(f["type"], within, depth + 1)) for f in fields]
                )
            case "array":
                return _array(self.compile(schema["items"], within, depth + 1))
            case "enum":
                return _enum(len(schema["symbols"]))
            case "fixed":
                return _fixed(schema["size"])
            case "map":
                raise ValueError("maps are not used: their order has no canonical form")
            case _:
                return self.compile(kind, within, depth + 1)


def read_varint(data: bytes, position: int, bounds: tuple[int, int, int]) -> tuple[int, int]:
    """Read one canonical zig-zag varint; return the value and the position after it."""
    shift = raw = 0
    low, high, longest = bounds
    for count in range(longest):
        byte = data[position + count]
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and count:
                raise _Fault(Reason.VARINT)
            value = (raw >> 1) ^ -(raw & 1)
            if not low <= value <= high:
                raise _Fault(Reason.VARINT)
            return value, position + count + 1
        shift += 7
    raise _Fault(Reason.VARINT)


def _walk_null(_data: bytes, position: int, _budget: _Budget) -> int:
    return position


def _walk_boolean(data: bytes, position: int, _budget: _Budget) -> int:
    if data[position] > 1:
        raise _Fault(Reason.BOOLEAN)
    return position + 1


def _walk_int(data: bytes, position: int, _budget: _Budget) -> int:
    return read_varint(data, position, _INT)[1]


def _walk_long(data: bytes, position: int, _budget: _Budget) -> int:
    return read_varint(data, position, _LONG)[1]


def _floating(code: str, size: int) -> _Walk:
    def walk(data: bytes, position: int, _budget: _Budget) -> int:
        if position + size > len(data):
            raise _Fault(Reason.TRUNCATED)
        number = unpack_from(code, data, position)[0]
        if number - number != 0:  # infinities and NaN
            raise _Fault(Reason.NOT_FINITE)
        return position + size

    return walk


def _walk_bytes(data: bytes, position: int, _budget: _Budget) -> int:
    length, start = read_varint(data, position, _LONG)
    if length < 0:
        raise _Fault(Reason.LENGTH)
    if start + length > len(data):
        raise _Fault(Reason.TRUNCATED)
    return start + length


def _walk_string(data: bytes, position: int, budget: _Budget) -> int:
    end = _walk_bytes(data, position, budget)
    start = read_varint(data, position, _LONG)[1]
    text = data[start:end]
    if not text.isascii():
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            raise _Fault(Reason.NOT_UTF8) from None
    return end


_PRIMITIVES: dict[str, _Walk] = {
    "null": _walk_null,
    "boolean": _walk_boolean,
    "int": _walk_int,
    "long": _walk_long,
    "float": _floating("<f", 4),
    "double": _floating("<d", 8),
    "bytes": _walk_bytes,
    "string": _walk_string,
}


def _fixed(size: int) -> _Walk:
    def walk(data: bytes, position: int, _budget: _Budget) -> int:
        if position + size > len(data):
            raise _Fault(Reason.TRUNCATED)
        return position + size

    return walk


def _enum(symbols: int) -> _Walk:
    def walk(data: bytes, position: int, _budget: _Budget) -> int:
        index, position = read_varint(data, position, _INT)
        if not 0 <= index < symbols:
            raise _Fault(Reason.ENUM_INDEX)
        return position

    return walk


def _union(branches: list[_Walk]) -> _Walk:
    def walk(data: bytes, position: int, budget: _Budget) -> int:
        index, position = read_varint(data, position, _LONG)
        if not 0 <= index < len(branches):
            raise _Fault(Reason.UNION_INDEX)
        return branches[index](data, position, budget)

    return walk


def _array(item: _Walk) -> _Walk:
    def walk(data: bytes, position: int, budget: _Budget) -> int:
        count, position = read_varint(data, position, _LONG)
        if count == 0:
            return position
        if count < 0:
            raise _Fault(Reason.BLOCK)
        # Counted before the loop: an item of no bytes would cost nothing to claim.
        budget.items -= count
        if budget.items < 0:
            raise _Fault(Reason.ITEMS)
        for index in range(count):
            try:
                position = item(data, position, budget)
            except _Fault as fault:
                fault.path.append(f"[{index}]")
                raise
        if data[position] != 0:
            raise _Fault(Reason.BLOCK)
        return position + 1

    return walk


def _record(fields: list[tuple[str, _Walk]]) -> _Walk:
    def walk(data: bytes, position: int, budget: _Budget) -> int:
        name = ""
        try:
            for name, field_walk in fields:  # noqa: B007 - the name is for the error
                position = field_walk(data, position, budget)
        except IndexError:
            fault = _Fault(Reason.TRUNCATED)
            fault.path.append(f".{name}")
            raise fault from None
        except _Fault as fault:
            fault.path.append(f".{name}")
            raise
        return position

    return walk
