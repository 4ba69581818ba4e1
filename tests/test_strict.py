"""Strict reading: what Lali writes is taken, and of everything else only what it would write."""

from io import BytesIO

import fastavro
import pytest
from avro_records import records_of, schemas_with_values
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.wire import codec, strict
from broker.wire.schema import catalogue

ENTRIES = list(catalogue())
GENERATED = {entry.schema_id: records_of(entry.avro) for entry in ENTRIES}


def write(schema, value):
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema, named_schemas={}), value)
    return buffer.getvalue()


def read(schema, payload):
    parsed = fastavro.parse_schema(schema, named_schemas={})
    return fastavro.schemaless_reader(BytesIO(payload), parsed, None)


@st.composite
def catalogued(draw):
    entry = draw(st.sampled_from(ENTRIES))
    return entry.name, codec.encode_version(entry, draw(GENERATED[entry.schema_id]))


def refused_or_rewritten(name, value):
    """Whether *value* was taken; if it was, it is exactly what Lali writes for it."""
    try:
        record = codec.decode(value, name)
    except Rejected:
        return False
    version = next(entry for entry in ENTRIES if value.startswith(entry.frame))
    assert codec.encode_version(version, record) == value
    return True


@given(
    case=st.sampled_from(ENTRIES).flatmap(lambda e: st.tuples(st.just(e), GENERATED[e.schema_id]))
)
@settings(max_examples=400)
def test_every_record_that_lali_writes_is_read_back_as_it_was(case):
    entry, record = case
    value = codec.encode_version(entry, record)

    assert codec.decode(value, entry.name) == record


@given(case=schemas_with_values())
@settings(max_examples=400)
def test_whatever_is_taken_has_the_value_that_fastavro_reads(case):
    schema, value = case
    payload = write(schema, value)

    strict.walk_all(strict.compile_walk(schema), payload)

    assert read(schema, payload) == value


@given(case=catalogued(), data=st.data())
@settings(max_examples=300)
def test_every_truncation_is_refused(case, data):
    name, value = case
    cut = data.draw(st.integers(0, len(value) - 1))

    with pytest.raises(Rejected):
        codec.decode(value[:cut], name)


@given(case=catalogued(), more=st.binary(min_size=1, max_size=3))
@settings(max_examples=200)
def test_every_trailing_byte_is_refused(case, more):
    name, value = case

    with pytest.raises(Rejected) as refused:
        codec.decode(value + more, name)
    assert refused.value.reason == "TRAILING_BYTES"


@given(case=catalogued(), data=st.data())
@settings(max_examples=1500)
def test_a_changed_byte_is_refused_or_read_as_what_lali_writes_for_it(case, data):
    name, value = case
    at = data.draw(st.integers(0, len(value) - 1))
    byte = data.draw(st.integers(0, 255))

    refused_or_rewritten(name, value[:at] + bytes([byte]) + value[at + 1 :])


@given(case=schemas_with_values(), data=st.data())
@settings(max_examples=1500)
def test_a_changed_byte_under_any_schema_is_refused_or_canonical(case, data):
    schema, value = case
    payload = write(schema, value)
    if not payload:
        return
    at = data.draw(st.integers(0, len(payload) - 1))
    spoilt = payload[:at] + bytes([data.draw(st.integers(0, 255))]) + payload[at + 1 :]

    try:
        strict.walk_all(strict.compile_walk(schema), spoilt)
    except Rejected:
        return
    assert write(schema, read(schema, spoilt)) == spoilt


@given(case=schemas_with_values(), noise=st.binary(max_size=60))
@settings(max_examples=1000)
def test_noise_is_refused_or_canonical(case, noise):
    schema, _ = case

    try:
        strict.walk_all(strict.compile_walk(schema), noise)
    except Rejected:
        return
    assert write(schema, read(schema, noise)) == noise


@given(noise=st.binary(max_size=200), entry=st.sampled_from(ENTRIES))
@settings(max_examples=500)
def test_noise_in_a_good_frame_is_refused_or_canonical(noise, entry):
    refused_or_rewritten(entry.name, entry.frame + noise)


@given(case=catalogued(), data=st.data())
@settings(max_examples=200)
def test_a_refusal_names_fields_of_the_schema_and_no_value(case, data):
    name, value = case
    cut = data.draw(st.integers(codec.FRAME_BYTES, len(value) - 1))

    with pytest.raises(Rejected) as refused:
        codec.decode(value[:cut], name)
    words = refused.value.path.replace("[", ".").replace("]", "").split(".")
    known = set().union(*(_names(entry.avro) for entry in ENTRIES if entry.name == name))
    assert {word for word in words if word and not word.isdigit()} <= known


def _names(schema):
    if isinstance(schema, list):
        return set().union(*(_names(branch) for branch in schema))
    if not isinstance(schema, dict):
        return set()
    found = _names(schema.get("items")) | _names(schema["type"])
    for field in schema.get("fields", ()):
        found |= {field["name"]} | _names(field["type"])
    return found
