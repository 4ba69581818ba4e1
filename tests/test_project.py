"""A release shows what the decision names and nothing else, by its bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS, compartments_in
from broker.model.release import ReleaseKind
from broker.pipeline.project import Projector, encode_moment, narrow, read_release, recall
from broker.protect.recall_seal import RecallStatement
from broker.testing import NOON, make_alert, make_compartments
from broker.wire import codec, strict
from broker.wire.alert_bytes import read_attributes, read_head
from broker.wire.alert_codec import decode_release, encode_alert
from broker.wire.release_bytes import encode_acknowledge

MASKS = st.integers(0, ALL_COMPARTMENTS)
AT = encode_moment(round(NOON.timestamp() * 1000))
SLOTS = [name.value for name in COMPARTMENTS]
#: Texts by which each compartment is known again, of `make_compartments`.
CANARY = {slot: f"CNRY-{slot}".encode() for slot in SLOTS} | {
    "victim_profile": b"CNRY-profile",
    "movement": b"FJSUV",  # codes only: there is no room for a canary
}
WISHES = {
    "releasable_to": ["cnry-releasable"],
    "not_releasable_to": ["cnry-not-releasable"],
    "named_recipients": ["cnry-named"],
    "legal_basis": "PALERMO_ARTICLE_10",
    "onward": "ALLOWED",
    "embargo_until": NOON,
}


def alert_with(present):
    whole = make_compartments("CNRY")
    held = {name.value: whole[name.value] for name in compartments_in(present)}
    return make_alert(compartments=held, distribution=WISHES)


def projector_of(value):
    start = read_head(value)[3]
    _, label_end, slots_start = read_attributes(value, start)
    return Projector(value, 1, label_end, slots_start, AT)


def projected(alert, mask, seconds=None):
    value = encode_alert(alert)
    return value, projector_of(value).project(mask, encode_acknowledge(seconds))


def test_every_compartment_of_the_sample_carries_its_canary():
    value = encode_alert(alert_with(ALL_COMPARTMENTS))

    for canary in CANARY.values():
        assert canary in value
    assert value.count(b"PALERMO_ARTICLE_10") == 1


@given(present=MASKS, mask=MASKS)
@settings(max_examples=250)
def test_no_byte_of_what_is_withheld_is_in_the_release(present, mask):
    _, release = projected(alert_with(present), mask)

    shown = {name.value for name in compartments_in(present & mask)}
    for slot, canary in CANARY.items():
        # A holder's pid may name nobody; every text carries its own slot.
        assert (canary in release.value) == (slot in shown)
    assert b"cnry" not in release.value.replace(b"CNRY", b"")
    assert b"PALERMO" not in release.value


@given(present=MASKS, mask=MASKS, seconds=st.one_of(st.none(), st.integers(0, 1 << 30)))
@settings(max_examples=150)
def test_label_commitments_and_what_is_shown_are_the_originators_own(present, mask, seconds):
    alert = alert_with(present)
    value, release = projected(alert, mask, seconds)

    before, after = codec.decode(value, "alert"), codec.decode(release.value, "release")
    assert after["label"] == before["label"]
    assert after["signature"] == before["signature"]
    assert after["acknowledge_within_seconds"] == seconds
    for number, slot in enumerate(SLOTS):
        original, copied = before["compartments"][slot], after["compartments"][slot]
        assert copied["commitment"] == original["commitment"]
        kept = mask >> number & 1
        assert copied["content"] == (original["content"] if kept else None)
    assert after["profile"] == release.profile == mask & present


@given(present=MASKS, mask=MASKS)
@settings(max_examples=100)
def test_a_release_is_read_back_as_the_part_of_the_alert_that_it_shows(present, mask):
    alert = alert_with(present)
    _, release = projected(alert, mask)

    view = decode_release(release.value)

    assert view.label == alert.label
    assert view.released_at == NOON
    for name in COMPARTMENTS:
        shown = getattr(alert.compartments, name) if name in compartments_in(mask) else None
        assert getattr(view.compartments, name) == shown


@given(present=MASKS, mask=MASKS)
@settings(max_examples=100)
def test_withheld_and_empty_slots_look_the_same(present, mask):
    full, partial = alert_with(present), alert_with(present & mask)
    partial = partial.model_copy(update={"label": full.label})

    def no_salt():
        return bytes(32)

    shape = []
    for alert in (full, partial):
        release = projector_of(encode_alert(alert, no_salt)).project(mask, encode_acknowledge(None))
        record = codec.decode(release.value, "release")
        for slot in record["compartments"].values():
            slot["commitment"] = b""  # no recipient can open one whose content is withheld
        shape.append(record)
    assert shape[0] == shape[1]


@given(present=MASKS, first=MASKS, second=MASKS)
@settings(max_examples=150)
def test_narrowing_never_adds_and_is_what_projecting_less_would_have_made(present, first, second):
    value = encode_alert(alert_with(present))
    projector = projector_of(value)
    wide = projector.project(first, encode_acknowledge(60))

    narrowed = narrow(wide, second)

    assert narrowed == projector.project(first & second, encode_acknowledge(60))
    assert narrow(narrowed, ALL_COMPARTMENTS) == narrowed


def test_equal_disclosures_have_one_key_for_each_feed_and_another_for_another_profile():
    value = encode_alert(alert_with(ALL_COMPARTMENTS))
    one = projector_of(value).project(0b11, encode_acknowledge(None))
    other = projector_of(value).project(0b01, encode_acknowledge(None))

    keys = {release.idempotency_key(feed) for release in (one, other) for feed in ("a", "b")}
    assert len(keys) == 4
    assert one.idempotency_key("a") == read_release(one.value).idempotency_key("a")


@given(revision=st.integers(1, 1_000_000), identity=st.binary(min_size=16, max_size=16))
def test_a_recall_says_nothing_but_recall(revision, identity):
    back = recall(RecallStatement("a", identity, revision, 1_000), None)

    record = codec.decode(back.value, "release")
    said = {name for name, value in record.items() if value not in (None, 0)}
    assert said == {"kind", "alert_id", "revision", "released_at"}
    assert record["kind"] == "RECALL"
    assert narrow(back, 0) == back
    assert read_release(back.value) == back
    assert back.kind is ReleaseKind.RECALL


def test_an_alert_cannot_be_read_as_a_release():
    with pytest.raises(Rejected, match="SCHEMA_UNEXPECTED"):
        read_release(encode_alert(alert_with(ALL_COMPARTMENTS)))


def test_the_largest_alert_that_is_accepted_makes_a_release_that_is_read():
    limit = strict.LIMITS.max_bytes
    record = codec.decode(encode_alert(make_alert(compartments={})), "alert")
    signature = {"algorithm": "", "key_id": "", "value": b""}
    record["signature"] = signature
    # The length of the padding itself takes three bytes where none takes one.
    signature["value"] = bytes(limit - len(codec.encode("alert", record)) - 2)
    value = codec.encode("alert", record)
    assert len(value) == limit

    assert codec.decode(value, "alert") == record
    release = projector_of(value).project(ALL_COMPARTMENTS, encode_acknowledge(3600))

    assert codec.decode(release.value, "release")["signature"] == record["signature"]
