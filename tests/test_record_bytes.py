"""Ledger and audit entries that are spliced from bytes are what the codec writes."""

from avro_records import records_of
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.compartment import ALL_COMPARTMENTS
from broker.wire import codec, record_bytes, varint
from broker.wire.schema import catalogue

MASKS = st.integers(0, ALL_COMPARTMENTS)
GENERATED_LEDGER = records_of(catalogue().latest("ledger-entry").avro)


def epoch_ms(moment):
    return round(moment.timestamp() * 1000)


@given(record=GENERATED_LEDGER, label=st.binary(max_size=9000))
@settings(max_examples=200)
def test_a_spliced_ledger_entry_is_what_the_codec_writes(record, label):
    record |= {"label": label}
    tail = record_bytes.ledger_tail(
        record["distribution"], record["present"], record["originator"], record["plan_digest"],
        record["holders"], cancelled=record["cancelled"],
    )  # fmt: skip

    spliced = record_bytes.encode_ledger(
        record["alert_id"],
        record["revision"],
        record["digest"],
        epoch_ms(record["expires_at"]),
        epoch_ms(record["retain_until"]),
        record["label"],
        tail,
    )

    assert spliced == codec.encode("ledger-entry", record)


@given(
    alert_id=st.binary(min_size=16, max_size=16),
    digest=st.binary(min_size=32, max_size=32),
    plan=st.binary(min_size=32, max_size=32),
    revision=st.integers(1, 1_000_000),
    at=st.integers(0, 1 << 42),
    offset=st.integers(0, 1 << 50),
    partition=st.integers(0, 255),
    present=MASKS,
    originator=st.text(st.characters(exclude_categories=["Cs"]), max_size=70),
)
@settings(max_examples=200)
def test_a_spliced_audit_entry_is_what_the_codec_writes(
    alert_id, digest, plan, revision, at, offset, partition, present, originator
):
    topic = f"intake.{originator}"
    constant = record_bytes.encode_topic_partition(topic, partition)

    spliced = record_bytes.encode_decided(
        alert_id,
        revision,
        digest,
        varint.encode(at),
        record_bytes.encode_source(constant, offset),
        record_bytes.audit_tail(present, originator, "ALERT", plan, plan[::-1]),
    )

    assert spliced == codec.encode(
        "audit-entry",
        {
            "entry_id": digest[:16],
            "kind": "DECIDED",
            "stage": "ROUTE",
            "at": at,
            "alert_id": alert_id,
            "revision": revision,
            "alert_digest": digest,
            "source_topic": topic,
            "source_partition": partition,
            "source_offset": offset,
            "recalled": [],
            "present": present,
            "originator": originator,
            "message_type": "ALERT",
            "bundle_digest": plan,
            "plan_digest": plan[::-1],
        },
    )
