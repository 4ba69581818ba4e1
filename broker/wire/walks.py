"""Walks over single Avro values: each takes what we would write ourselves, and nothing else.

A walk builds nothing. It takes exactly the canonical form: shortest varints, arrays in one block
with a positive count. Whatever else it meets is a `Fault`, which collects the path on its way up.
"""

from collections.abc import Callable
from struct import unpack_from

from broker.model.reason import Reason

_INT = (-(1 << 31), (1 << 31) - 1, 5)
_LONG = (-(1 << 63), (1 << 63) - 1, 10)


class Budget:
    """Items that the record may still hold."""

    __slots__ = ("items",)

    def __init__(self, items: int) -> None:
        self.items = items


#: Walks one value: (data, position, budget) → position after it. Raises `Fault`.
Walk = Callable[[bytes, int, Budget], int]


class Fault(Exception):
    """A refusal on its way up, collecting the path."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        self.path: list[str] = []


def read_varint(data: bytes, position: int, bounds: tuple[int, int, int]) -> tuple[int, int]:
    """Read one canonical zig-zag varint; return the value and the position after it."""
    shift = raw = 0
    low, high, longest = bounds
    for count in range(longest):
        byte = data[position + count]
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and count:
                raise Fault(Reason.VARINT)
            value = (raw >> 1) ^ -(raw & 1)
            if not low <= value <= high:
                raise Fault(Reason.VARINT)
            return value, position + count + 1
        shift += 7
    raise Fault(Reason.VARINT)


def _walk_null(_data: bytes, position: int, _budget: Budget) -> int:
    return position


def _walk_boolean(data: bytes, position: int, _budget: Budget) -> int:
    if data[position] > 1:
        raise Fault(Reason.BOOLEAN)
    return position + 1


def _walk_int(data: bytes, position: int, _budget: Budget) -> int:
    return read_varint(data, position, _INT)[1]


def _walk_long(data: bytes, position: int, _budget: Budget) -> int:
    return read_varint(data, position, _LONG)[1]


def _floating(code: str, size: int) -> Walk:
    def walk(data: bytes, position: int, _budget: Budget) -> int:
        if position + size > len(data):
            raise Fault(Reason.TRUNCATED)
        number = unpack_from(code, data, position)[0]
        if number - number != 0:  # infinities and NaN
            raise Fault(Reason.NOT_FINITE)
        return position + size

    return walk


def _walk_bytes(data: bytes, position: int, _budget: Budget) -> int:
    length, start = read_varint(data, position, _LONG)
    if length < 0:
        raise Fault(Reason.LENGTH)
    if start + length > len(data):
        raise Fault(Reason.TRUNCATED)
    return start + length


def _walk_string(data: bytes, position: int, budget: Budget) -> int:
    end = _walk_bytes(data, position, budget)
    start = read_varint(data, position, _LONG)[1]
    text = data[start:end]
    if not text.isascii():
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            raise Fault(Reason.NOT_UTF8) from None
    return end


#: The walk of each type that has a name of Avro's own.
PRIMITIVES: dict[str, Walk] = {
    "null": _walk_null,
    "boolean": _walk_boolean,
    "int": _walk_int,
    "long": _walk_long,
    "float": _floating("<f", 4),
    "double": _floating("<d", 8),
    "bytes": _walk_bytes,
    "string": _walk_string,
}


def walk_fixed(size: int) -> Walk:
    """Return the walk over *size* bytes."""

    def walk(data: bytes, position: int, _budget: Budget) -> int:
        if position + size > len(data):
            raise Fault(Reason.TRUNCATED)
        return position + size

    return walk


def walk_enum(symbols: int) -> Walk:
    """Return the walk over the index of one of so many symbols."""

    def walk(data: bytes, position: int, _budget: Budget) -> int:
        index, position = read_varint(data, position, _INT)
        if not 0 <= index < symbols:
            raise Fault(Reason.ENUM_INDEX)
        return position

    return walk


def walk_union(branches: list[Walk]) -> Walk:
    """Return the walk over the index of a branch, and the branch."""

    def walk(data: bytes, position: int, budget: Budget) -> int:
        index, position = read_varint(data, position, _LONG)
        if not 0 <= index < len(branches):
            raise Fault(Reason.UNION_INDEX)
        return branches[index](data, position, budget)

    return walk


def walk_array(item: Walk) -> Walk:
    """Return the walk over one block of items, counted against the budget."""

    def walk(data: bytes, position: int, budget: Budget) -> int:
        count, position = read_varint(data, position, _LONG)
        if count == 0:
            return position
        if count < 0:
            raise Fault(Reason.BLOCK)
        # Counted before the loop: an item of no bytes would cost nothing to claim.
        budget.items -= count
        if budget.items < 0:
            raise Fault(Reason.ITEMS)
        for index in range(count):
            try:
                position = item(data, position, budget)
            except Fault as fault:
                fault.path.append(f"[{index}]")
                raise
        if data[position] != 0:
            raise Fault(Reason.BLOCK)
        return position + 1

    return walk


def walk_record(fields: list[tuple[str, Walk]]) -> Walk:
    """Return the walk over fields in their order; a fault names the field."""

    def walk(data: bytes, position: int, budget: Budget) -> int:
        name = ""
        try:
            for name, field_walk in fields:  # noqa: B007 - the name is for the error
                position = field_walk(data, position, budget)
        except IndexError:
            fault = Fault(Reason.TRUNCATED)
            fault.path.append(f".{name}")
            raise fault from None
        except Fault as fault:
            fault.path.append(f".{name}")
            raise
        return position

    return walk
