"""Route's own readers and writers give what the codec gives, byte for byte."""

import pytest
from avro_records import records_of
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS
from broker.wire import codec, varint
from broker.wire.alert_bytes import (
    AttributesIndex,
    Slots,
    keep_slots,
    label_end_of,
    read_attributes,
    read_head,
    view_of_ledger,
)
from broker.wire.partition import partition_of
from broker.wire.release_bytes import narrow_release
from broker.wire.schema import catalogue

NAMES = [name.value for name in COMPARTMENTS]
#: Around every length at which the varint before a content grows by a byte.
SIZES = st.sampled_from([None, 0, 1, 63, 64, 65, 8191, 8192, 20_000])
MASKS = st.integers(0, ALL_COMPARTMENTS)


@st.composite
def alerts(draw):
    """Return a record of an alert, with slots of every size that matters."""
    record = draw(GENERATED_ALERTS)
    return record | {"compartments": draw(slots())}


@st.composite
def slots(draw):
    made = {}
    for number, name in enumerate(NAMES):
        size = draw(SIZES)
        content = None if size is None else bytes([0xC0 + number]) * size
        made[name] = {"commitment": bytes([number]) * 32, "content": content}
    return made


GENERATED_ALERTS = records_of(catalogue().latest("alert").avro)
GENERATED_RELEASES = records_of(catalogue().latest("release").avro)


def dropped(compartments, mask):
    return {
        name: slot if mask >> number & 1 else slot | {"content": None}
        for number, (name, slot) in enumerate(compartments.items())
    }


def epoch_ms(moment):
    return round(moment.timestamp() * 1000)


@given(value=st.integers(-(1 << 63), (1 << 63) - 1), before=st.binary(max_size=3))
@settings(max_examples=500)
def test_varints_are_written_and_read_as_avro_does(value, before):
    entry = catalogue().latest("intake-mark")
    assert entry.avro["fields"][2]["name"] == "offset"
    record = {"originator": "", "intake_partition": 0, "offset": value}

    written = varint.encode(value)

    assert codec.encode("intake-mark", record) == entry.frame + b"\0\0" + written
    assert varint.decode(before + written + b"\x7f", len(before)) == (
        value,
        len(before + written),
    )


@given(record=alerts())
@settings(max_examples=200)
def test_the_head_is_read_as_the_whole_record_has_it(record):
    value = codec.encode("alert", record)
    label = record["label"]

    alert_id, revision, expires_at, start = read_head(value)

    assert (alert_id, revision) == (label["alert_id"], label["revision"])
    assert expires_at == epoch_ms(label["expires_at"])
    view, label_end, end = read_attributes(value, start)
    assert view == {n: v for n, v in label.items() if n in view} | record["distribution"]
    assert set(view) | {"alert_id", "revision", "originated_at", "expires_at"} == set(
        label | record["distribution"]
    )
    assert label_end_of(value, start) == label_end
    assert view_of_ledger(value[codec.FRAME_BYTES : label_end], value[label_end:end]) == view


@given(record=alerts(), mask=MASKS)
@settings(max_examples=300)
def test_keeping_slots_is_decoding_dropping_and_encoding(record, mask):
    value = codec.encode("alert", record)
    start = read_attributes(value, read_head(value)[3])[2]

    found = Slots(value, start)

    kept = value[:start] + keep_slots(value, found, mask) + value[found.end :]
    expected = record | {"compartments": dropped(record["compartments"], mask)}
    assert kept == codec.encode("alert", expected)


@given(record=alerts())
@settings(max_examples=200)
def test_slots_are_found_where_they_lie(record):
    value = codec.encode("alert", record)
    start = read_attributes(value, read_head(value)[3])[2]

    found = Slots(value, start)

    contents = [record["compartments"][name]["content"] for name in NAMES]
    assert [found.content(value, number) for number in range(len(NAMES))] == contents
    assert [found.commitment(value, number) for number in range(len(NAMES))] == [
        bytes([number]) * 32 for number in range(len(NAMES))
    ]
    assert found.present == sum(1 << n for n, c in enumerate(contents) if c is not None)


@given(record=GENERATED_RELEASES, slots_made=slots(), mask=MASKS, label=st.data())
@settings(max_examples=300)
def test_narrowing_is_decoding_dropping_and_encoding(record, slots_made, mask, label):
    if record["label"] is None:
        record["label"] = label.draw(GENERATED_ALERTS)["label"]
    present = sum(1 << n for n, s in enumerate(slots_made.values()) if s["content"] is not None)
    record |= {"kind": "RELEASE", "compartments": slots_made, "profile": present}
    value = codec.encode("release", record)

    narrowed = narrow_release(value, mask)

    expected = {"profile": present & mask, "compartments": dropped(slots_made, mask)}
    assert narrowed == codec.encode("release", record | expected)
    assert narrow_release(narrowed, ALL_COMPARTMENTS) == narrowed
    assert len(narrowed) <= len(value)


@given(record=GENERATED_RELEASES, mask=MASKS)
def test_a_recall_cannot_be_narrowed(record, mask):
    value = codec.encode("release", record | {"kind": "RECALL"})

    assert narrow_release(value, mask) == value


@given(
    runs=st.lists(st.binary(min_size=1, max_size=4), max_size=12),
    before=st.binary(max_size=3),
    data=st.data(),
)
@settings(max_examples=300)
def test_an_index_finds_a_run_by_its_bytes_and_nothing_else(runs, before, data):
    # Runs that a record's own end tells apart: none is the start of another.
    apart = [r for r in dict.fromkeys(runs) if not any(o != r and r.startswith(o) for o in runs)]
    index = AttributesIndex()
    for run in apart:
        index.add(run, run.hex())

    sought = data.draw(st.sampled_from(apart) if apart else st.binary(max_size=3))
    after = data.draw(st.binary(max_size=3))
    value = before + sought + after

    whole = value[len(before) :]
    expected = next((run.hex() for run in apart if whole.startswith(run)), None)
    for _ in range(3):  # lengths change places as they are found
        assert index.find(value, len(before)) == expected


def test_an_index_stays_within_its_capacity_and_still_finds_the_latest():
    index = AttributesIndex(capacity=10)
    for number in range(95):
        index.add(number.to_bytes(2, "big"), number)

        assert index.find(number.to_bytes(2, "big"), 0) == number
        assert sum(len(table) for table in index._tables.values()) <= 10


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"abc", 479470107),
    ],
)
def test_partitions_are_those_of_kafkas_own_partitioner(key, murmur2):
    # The hashes that Apache Kafka's own tests expect.
    for partitions in (1, 2, 4, 7, 1 << 31):
        assert partition_of(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions
