"""Hostile bytes, one by one: each gets its own reason, and costs no more than its own length."""

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire import strict, varint
from broker.wire.walks import walk_array

MARKING = {"type": "enum", "name": "Marking", "symbols": ["RESTRICTED", "SECRET", "PUBLIC"]}
NULLS = {"type": "array", "items": "null"}
EMPTY = {"type": "record", "name": "Empty", "fields": []}


def record(**fields):
    rows = [{"name": name, "type": kind} for name, kind in fields.items()]
    return {"type": "record", "name": "Record", "fields": rows}


def refusal(schema, payload, limits=strict.LIMITS):
    with pytest.raises(Rejected) as refused:
        strict.walk_all(strict.compile_walk(schema), payload, limits)
    return refused.value


def taken(schema, payload):
    strict.walk_all(strict.compile_walk(schema), payload)


CASES = {
    "enum index -1, the last symbol to fastavro": (MARKING, b"\x01", Reason.ENUM_INDEX),
    "enum index beyond the symbols": (MARKING, b"\x06", Reason.ENUM_INDEX),
    "enum index of 33 bits": (MARKING, varint.encode(1 << 32), Reason.VARINT),
    "union index -1": (["null", "string"], b"\x01", Reason.UNION_INDEX),
    "union index beyond the branches": (["null", "string"], b"\x04", Reason.UNION_INDEX),
    "five bytes of nulls, 10^8 items": (NULLS, varint.encode(10**8) + b"\0", Reason.ITEMS),
    "2^40 items": (NULLS, varint.encode(1 << 40) + b"\0", Reason.ITEMS),
    "2^62 empty records": (
        {"type": "array", "items": EMPTY},
        varint.encode(1 << 62) + b"\0",
        Reason.ITEMS,
    ),
    "block with a byte count": (NULLS, b"\x01\x00\x00", Reason.BLOCK),
    "smallest block count": (NULLS, b"\xff" * 9 + b"\x01\x00", Reason.BLOCK),
    "array in two blocks": (NULLS, b"\x02\x02\x00", Reason.BLOCK),
    "array without its end": (NULLS, b"\x02", Reason.TRUNCATED),
    "string of 2^40 bytes": ("string", varint.encode(1 << 40), Reason.TRUNCATED),
    "bytes of 2^62": ("bytes", varint.encode(1 << 62) + b"x", Reason.TRUNCATED),
    "string of length -1": ("string", b"\x01x", Reason.LENGTH),
    "bytes of length -2^63": ("bytes", b"\xff" * 9 + b"\x01", Reason.LENGTH),
    "string shorter than it says": ("string", b"\x06ab", Reason.TRUNCATED),
    "string not UTF-8": ("string", b"\x02\xff", Reason.NOT_UTF8),
    "string with a surrogate": ("string", b"\x06\xed\xa0\x80", Reason.NOT_UTF8),
    "string with an overlong slash": ("string", b"\x04\xc0\xaf", Reason.NOT_UTF8),
    "string cut within a letter": ("string", b"\x02\xc3", Reason.NOT_UTF8),
    "boolean 2": ("boolean", b"\x02", Reason.BOOLEAN),
    "boolean 255": ("boolean", b"\xff", Reason.BOOLEAN),
    "int of 33 bits": ("int", varint.encode(1 << 31), Reason.VARINT),
    "int below 32 bits": ("int", varint.encode(-(1 << 31) - 1), Reason.VARINT),
    "int in six bytes": ("int", b"\x80\x80\x80\x80\x80\x01", Reason.VARINT),
    "long in eleven bytes": ("long", b"\x80" * 10 + b"\x01", Reason.VARINT),
    "long of 65 bits": ("long", b"\xff" * 9 + b"\x02", Reason.VARINT),
    "zero in two bytes": ("long", b"\x80\x00", Reason.VARINT),
    "one in three bytes": ("int", b"\x82\x80\x00", Reason.VARINT),
    "varint without an end": ("long", b"\x80\x80", Reason.TRUNCATED),
    "length in two bytes where one does": ("string", b"\x82\x00x", Reason.VARINT),
    "float that is no number": ("float", struct.pack("<f", float("nan")), Reason.NOT_FINITE),
    "double without end": ("double", struct.pack("<d", float("-inf")), Reason.NOT_FINITE),
    "double cut short": ("double", b"\0" * 7, Reason.TRUNCATED),
    "fixed cut short": ({"type": "fixed", "name": "F", "size": 4}, b"\0" * 3, Reason.TRUNCATED),
    "nothing at all": ("int", b"", Reason.TRUNCATED),
    "a byte too many": ("int", b"\x02\x02", Reason.TRAILING_BYTES),
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_bytes_get_their_reason(name):
    schema, payload, reason = CASES[name]

    assert refusal(schema, payload).reason is reason
    assert refusal(record(a="int", b=schema), b"\x02" + payload).reason is reason


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_costs_no_more_memory_than_a_few_pages(name):
    schema, payload, _ = CASES[name]
    walk = strict.compile_walk(schema)

    tracemalloc.start()
    with pytest.raises(Rejected):
        strict.walk_all(walk, payload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 64 * 1024


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        (MARKING, b"\x04"),
        ("long", b"\xff" * 9 + b"\x01"),  # -2^63
        ("int", b"\xff\xff\xff\xff\x0f"),  # -2^31
        ("double", struct.pack("<d", -0.0)),
        (NULLS, b"\x00"),
        ({"type": "fixed", "name": "Nothing", "size": 0}, b""),
        (EMPTY, b""),
    ],
)
def test_extremes_that_avro_would_write_are_taken(schema, payload):
    taken(schema, payload)


def counted(calls):
    """An item of no bytes that notes how often it is walked."""

    def walk(_data, position, _budget):
        calls.append(position)
        return position

    return walk


def test_a_claim_beyond_the_budget_walks_no_item():
    calls = []

    with pytest.raises(Rejected) as refused:
        strict.walk_all(walk_array(counted(calls)), varint.encode(20_001) + b"\0")

    assert refused.value.reason is Reason.ITEMS
    assert calls == []


def test_the_last_item_that_the_budget_allows_is_taken():
    taken(NULLS, varint.encode(strict.LIMITS.max_items) + b"\0")

    beyond = varint.encode(strict.LIMITS.max_items + 1) + b"\0"
    assert refusal(NULLS, beyond).reason is Reason.ITEMS


@given(counts=st.lists(st.integers(0, 40), max_size=60), budget=st.integers(0, 200))
def test_nested_claims_share_one_budget(counts, budget):
    calls = []
    inner = b"".join(varint.encode(n) + (b"\0" if n else b"") for n in counts)
    payload = varint.encode(len(counts)) + inner + (b"\0" if counts else b"")
    limits = strict.Limits(max_items=budget)

    walk = walk_array(walk_array(counted(calls)))
    if len(counts) + sum(counts) <= budget:
        strict.walk_all(walk, payload, limits)
    else:
        with pytest.raises(Rejected, match=Reason.ITEMS):
            strict.walk_all(walk, payload, limits)
    assert len(calls) <= budget


def test_the_size_is_asked_before_anything_is_walked():
    payload = bytes(strict.LIMITS.max_bytes + 1)

    with pytest.raises(Rejected) as refused:
        strict.check(1, payload)
    assert refused.value.reason is Reason.OVERSIZED
    with pytest.raises(Rejected) as walked:
        strict.check(1, payload[1:])
    assert walked.value.reason is not Reason.OVERSIZED


def test_a_fault_deep_inside_is_named_by_its_path():
    person = {
        "type": "record",
        "name": "Person",
        "fields": [{"name": "roles", "type": {"type": "array", "items": MARKING}}],
    }
    schema = record(persons={"type": "array", "items": person})
    payload = b"\x04" + b"\x02\x00\x00" + b"\x04\x00\x01\x00" + b"\x00"

    assert str(refusal(schema, payload)) == "ENUM_INDEX at persons[1].roles[1]"


def linked(field):
    return {"type": "record", "name": "Link", "fields": [{"name": "next", "type": field}]}


RECURSIVE = {
    "through a union": linked(["null", "Link"]),
    "through an array": linked({"type": "array", "items": "Link"}),
    "by its full name": linked(["null", "lali.Link"]) | {"namespace": "lali"},
    "through another record": linked(
        ["null", {"type": "record", "name": "B", "fields": [{"name": "back", "type": "Link"}]}]
    ),
}


@pytest.mark.parametrize("schema", RECURSIVE.values(), ids=RECURSIVE)
def test_a_schema_that_refers_to_itself_is_refused(schema):
    with pytest.raises(strict.RecursiveSchema):
        strict.compile_walk(schema)


def test_a_record_used_twice_side_by_side_does_not_refer_to_itself():
    schema = record(a=EMPTY, b="Empty", c={"type": "array", "items": "Empty"})

    taken(schema, b"\x02\x00")


def test_a_schema_that_nests_too_deep_is_refused():
    schema = "int"
    for _ in range(strict.LIMITS.max_depth):
        schema = {"type": "array", "items": schema}

    taken(schema, b"\0")
    with pytest.raises(strict.RecursiveSchema):
        strict.compile_walk({"type": "array", "items": schema})


def test_maps_are_refused():
    with pytest.raises(ValueError, match="canonical"):
        strict.compile_walk(record(a={"type": "map", "values": "int"}))


def test_two_types_of_one_name_are_refused():
    # In two namespaces Avro tells them apart; names here are short, so one would be walked
    # as the other.
    first = {"type": "enum", "name": "one.Marking", "symbols": ["A", "B", "C"]}
    second = {"type": "enum", "name": "two.Marking", "symbols": ["A"]}
    schema = record(a=first, b=second, c="one.Marking")

    with pytest.raises(ValueError, match="Marking"):
        strict.compile_walk(schema)
