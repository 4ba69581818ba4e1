"""Signatures: what a key did not sign is refused, at accept and at every recipient."""

from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st
from sealed import (
    ALL,
    FIJI,
    OWN,
    SAMOA,
    an_alert,
    changed_register,
    flipped,
    keeper_with,
    key_ids,
    open_alert,
    opener,
    protection,
    reason_of,
    released,
    sealed,
    shown,
    signing_key_id,
    with_tail,
)

from broker.model.release import ReleaseKind
from broker.pipeline.open_release import read_verified, verify_release
from broker.protect.register import Holder, Register
from broker.protect.signature import SIGN, is_valid
from broker.protect.statement import commit_distribution, make_statement
from broker.testing import make_alert, make_recall
from broker.wire import codec
from broker.wire.alert_bytes import UUID_BYTES
from broker.wire.alert_codec import encode_alert
from broker.wire.sealing import AlertParts, ReleaseParts

#: Order of the group of P-256 (FIPS 186-5).
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIVATE = ec.generate_private_key(ec.SECP256R1())
MESSAGE = b"statement" * 40
VALUE = PRIVATE.sign(MESSAGE, SIGN)


def public_of(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


PUBLIC = public_of(PRIVATE)


@cache
def published() -> bytes:
    return sealed(an_alert(), bytes(32))


@cache
def release() -> bytes:
    return released(published(), {OWN: ALL})[OWN]


def verified(value: bytes, register: Register | None = None, at: datetime | None = None) -> None:
    """Verify as a recipient does."""
    register = register or protection().folder.register()
    verify_release(register, ReleaseParts(value), FIJI, at or datetime.now(UTC))


def signed_anew(published: bytes, **fields) -> bytes:
    return with_tail(published, signature=lambda signature: signature._replace(**fields))


def release_with(**fields) -> ReleaseParts:
    """Return the release with its signature changed."""
    parts = ReleaseParts(release())
    parts.signature = parts.signature._replace(**fields)
    return parts


def both_refuse(**fields) -> set[tuple[str, str]]:
    """Return why accept and a recipient refuse an alert whose signature was changed so."""
    register = protection().folder.register()
    now = datetime.now(UTC)
    return {
        reason_of(open_alert, signed_anew(published(), **fields)),
        reason_of(verify_release, register, release_with(**fields), FIJI, now),
    }


def test_what_an_originator_signed_is_accepted_and_verifies():
    opened = open_alert(published())

    assert opened.statement == ReleaseParts(release()).statement()
    verified(release())


@given(st.integers(0, len(VALUE) * 8 - 1))
def test_a_bit_changed_in_a_signature_makes_it_none(bit):
    assert not is_valid(PUBLIC, flipped(VALUE, bit), MESSAGE)


@given(st.integers(0, len(MESSAGE) * 8 - 1))
def test_a_bit_changed_in_what_was_signed_makes_the_signature_none(bit):
    assert not is_valid(PUBLIC, VALUE, flipped(MESSAGE, bit))


R, S = decode_dss_signature(VALUE)


def der(*numbers: int) -> bytes:
    """Return numbers as a signature has them, negative ones too."""
    parts = b""
    for number in numbers:
        size = number.bit_length() // 8 + 1
        parts += bytes([2, size]) + number.to_bytes(size, "big", signed=True)
    return bytes([0x30, len(parts)]) + parts


assert der(R, S) == VALUE

MALFORMED = {
    "nothing": b"",
    "one byte": b"\x30",
    "a byte less": VALUE[:-1],
    "half": VALUE[: len(VALUE) // 2],
    "a byte more": VALUE + b"\x00",
    "a byte more within": bytes([0x30, VALUE[1] + 1]) + VALUE[2:] + b"\x00",
    "a long length": b"\x30\x81" + VALUE[1:],
    "an indefinite length": b"\x30\x80" + VALUE[2:] + b"\x00\x00",
    "a set": b"\x31" + VALUE[1:],
    "raw halves": R.to_bytes(32, "big") + S.to_bytes(32, "big"),
    "r is zero": encode_dss_signature(0, S),
    "s is zero": encode_dss_signature(R, 0),
    "both are zero": encode_dss_signature(0, 0),
    "both are one": encode_dss_signature(1, 1),
    "r is negative": der(-R, S),
    "s is negative": der(R, -S),
    "r is the order": encode_dss_signature(N, S),
    "s is the order": encode_dss_signature(R, N),
    "r beyond the order": encode_dss_signature(R + N, S),
    "one number": der(R),
    "three numbers": der(R, S, S),
    "s beyond the order": encode_dss_signature(R, S + N),
    "r and s swapped": encode_dss_signature(S, R),
    "a huge r": encode_dss_signature(1 << 4000, S),
    "padded r": b"\x30" + bytes([VALUE[1] + 1, 2, VALUE[3] + 1, 0]) + VALUE[4:],
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_signature_in_another_form_is_none(what):
    assert not is_valid(PUBLIC, MALFORMED[what], MESSAGE)
    assert both_refuse(value=MALFORMED[what]) == {("SIGNATURE_INVALID", "signature.value")}


def test_the_other_s_of_a_signature_verifies_and_says_nothing_else():
    # ECDSA itself takes both; the statement's digest names an alert, never its signature.
    parts = AlertParts(published())
    r, s = decode_dss_signature(parts.signature.value)
    other = signed_anew(published(), value=encode_dss_signature(r, N - s))

    assert open_alert(other).statement == open_alert(published()).statement


OTHER_KEYS = {
    "another key": public_of(ec.generate_private_key(ec.SECP256R1())),
    "P-384": public_of(ec.generate_private_key(ec.SECP384R1())),
    "secp256k1": public_of(ec.generate_private_key(ec.SECP256K1())),
    "Ed25519": public_of(ed25519.Ed25519PrivateKey.generate()),
    "a raw key": bytes(32),
    "nothing": b"",
    "not on the curve": flipped(PUBLIC, len(PUBLIC) * 8 - 1),
}


@pytest.mark.parametrize("which", OTHER_KEYS)
def test_under_another_key_nothing_verifies(which):
    assert not is_valid(OTHER_KEYS[which], VALUE, MESSAGE)


def test_a_signature_by_a_stronger_curve_counts_as_little_as_any_other():
    private = ec.generate_private_key(ec.SECP384R1())
    value = private.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))

    assert not is_valid(public_of(private), value, MESSAGE)


def test_a_signature_of_another_alert_is_none():
    other = AlertParts(sealed(an_alert())).signature

    assert both_refuse(value=other.value) == {("SIGNATURE_INVALID", "signature.value")}


def test_a_signature_by_another_unit_is_refused_by_its_key_and_by_its_bytes():
    statement = open_alert(published()).statement
    value = protection().folder.keeper.sign(signing_key_id(SAMOA), statement.signed)

    assert both_refuse(key_id=signing_key_id(SAMOA), value=value) == {
        ("KEY_OF_OTHER_UNIT", "signature.key_id")
    }
    assert both_refuse(value=value) == {("SIGNATURE_INVALID", "signature.value")}


@pytest.mark.parametrize("name", ["", "none", "ECDSA-P256-SHA1", "ecdsa-p256-sha256", "HS256"])
def test_another_algorithm_is_never_chosen_by_a_record(name):
    assert both_refuse(algorithm=name) == {("ALGORITHM_DIFFERS", "signature.algorithm")}


def test_a_key_for_sealing_signs_nothing():
    register = protection().folder.register()
    ids = [i for i in key_ids(FIJI, Holder.UNIT) if i != signing_key_id()]

    for key_id in ids:
        name = register.by_id[key_id].algorithm.value
        for algorithm in (name, "ECDSA-P256-SHA256"):
            assert both_refuse(key_id=key_id, algorithm=algorithm) == {
                ("ALGORITHM_DIFFERS", "signature.algorithm")
            }


@pytest.mark.parametrize("holder", [Holder.FEED, Holder.HUB])
def test_a_key_of_a_feed_or_of_the_hub_is_no_units(holder):
    key_id = key_ids(OWN if holder is Holder.FEED else "hub", holder)[0]

    assert both_refuse(key_id=key_id) == {("KEY_OF_OTHER_UNIT", "signature.key_id")}


@pytest.mark.parametrize("key_id", ["", "0" * 16, "../officers/one", "\x00"])
def test_a_key_that_nobody_knows_is_unknown(key_id):
    assert both_refuse(key_id=key_id) == {("KEY_UNKNOWN", "signature.key_id")}


@pytest.mark.parametrize(
    ("field", "days", "reason"),
    [
        ("revoked_at", -1, "KEY_REVOKED"),
        ("revoked_at", 0, "KEY_REVOKED"),
        ("not_before", 1, "KEY_NOT_YET_VALID"),
        ("not_after", -1, "KEY_EXPIRED"),
        ("not_after", 0, "KEY_EXPIRED"),
    ],
)
def test_a_key_that_does_not_count_now_is_refused_with_its_own_reason(field, days, reason):
    now = datetime.now(UTC)
    register = changed_register(signing_key_id(), **{field: now + timedelta(days)})

    refused = reason_of(open_alert, published(), register=register, now=lambda: now)
    assert refused == (reason, "signature.key_id")
    assert reason_of(verified, release(), register, now) == refused


def test_what_was_signed_before_a_key_was_revoked_still_verifies():
    now = datetime.now(UTC)
    register = changed_register(signing_key_id(), revoked_at=now)

    verified(release(), register, now - timedelta(seconds=1))
    assert reason_of(verified, release(), register, now)[0] == "KEY_REVOKED"


def test_without_a_signature_nothing_is_accepted_and_nothing_verifies():
    bare = with_tail(published(), signature=lambda _: None)
    assert reason_of(open_alert, bare) == ("SIGNATURE_MISSING", "signature")
    parts = ReleaseParts(release())
    parts.signature = None
    register = protection().folder.register()
    refused = reason_of(verify_release, register, parts, FIJI, datetime.now(UTC))
    assert refused == ("SIGNATURE_MISSING", "signature")
    parts = ReleaseParts(release())
    parts.distribution_commitment = None
    refused = reason_of(verify_release, register, parts, FIJI, datetime.now(UTC))
    assert refused == ("SIGNATURE_MISSING", "signature")


SLOTS = AlertParts(published()).slots


@given(st.integers(0, 12 * 32 * 8 - 1))
def test_a_bit_changed_in_any_commitment_is_refused(bit):
    slot, within = divmod(bit, 32 * 8)
    for value, slots, act in (
        (published(), SLOTS, open_alert),
        (release(), ReleaseParts(release()).slots, verified),
    ):
        start = slots.bounds[slot][0] - 32
        refused = reason_of(act, flipped(value, start * 8 + within))
        assert refused == ("SIGNATURE_INVALID", "signature.value")


@given(st.data())
def test_a_bit_changed_in_label_or_distribution_changes_the_statement(data):
    parts = AlertParts(published())
    salt = parts.seal.distribution_salt
    commitments = b"".join(parts.slots.commitment(published(), n) for n in range(12))
    part = data.draw(st.sampled_from(["label", "distribution", "salt"]))
    whole = {"label": parts.label, "distribution": parts.distribution, "salt": salt}
    bit = data.draw(st.integers(0, len(whole[part]) * 8 - 1))
    whole[part] = flipped(whole[part], bit)

    commitment = commit_distribution(whole["salt"], whole["distribution"])
    changed = make_statement(whole["label"], commitment, commitments)

    assert changed.digest != parts.statement(salt).digest
    assert not is_valid(
        protection().folder.register().by_id[parts.signature.key_id].public_bytes,
        parts.signature.value,
        changed.signed,
    )


def test_a_recipient_reads_no_release_that_stands_for_another_alert():
    # Alert id and revision stand before the label, too; only those in the label are signed.
    value = release()
    start = value.index(ReleaseParts(value).alert_id)
    keyless = opener(OWN, unwrapper=keeper_with())
    assert read_verified(value, keyless).sealed

    for place in (start, start + UUID_BYTES):
        refused = reason_of(read_verified, flipped(value, place * 8 + 2), keyless)
        assert refused[0] == "FIELD_INVALID"


def release_record(**fields) -> bytes:
    """Return the release with fields of its record changed, as who writes topics could."""
    record = codec.decode(release(), "release")
    return codec.encode("release", record | fields)


def test_content_without_a_label_is_not_read_as_if_it_were_signed():
    forged = codec.decode(encode_alert(make_alert(mark="FORGED")), "alert")["compartments"]
    bare = {"feed_key": None, "slot_keys": None, "label": None, "compartments": forged}

    for kind in ("RELEASE", "RECALL", "UNKNOWN"):
        refused = reason_of(read_verified, release_record(kind=kind, **bare), opener(OWN))
        assert refused[0] in {"FIELD_MISSING", "FIELD_INVALID", "CODE_UNKNOWN"}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"kind": "UNKNOWN"}, ("CODE_UNKNOWN", "kind")),
        ({"kind": "RECALL"}, ("FIELD_INVALID", "label")),
        ({"label": None}, ("FIELD_MISSING", "label")),
        ({"compartments": None}, ("FIELD_MISSING", "compartments")),
        ({"signature": None}, ("SIGNATURE_MISSING", "signature")),
        ({"distribution_commitment": None}, ("SIGNATURE_MISSING", "signature")),
        ({"distribution_commitment": bytes(32)}, ("SIGNATURE_INVALID", "signature.value")),
    ],
)
def test_a_release_is_whole_or_refused(fields, refused):
    assert reason_of(read_verified, release_record(**fields), opener(OWN)) == refused


def test_a_recall_carries_nothing_and_is_read_as_it_is():
    recall = make_recall(uuid4(), 2).value

    view = read_verified(recall, opener(OWN))

    assert (view.kind, view.label, shown(view)) == (ReleaseKind.RECALL, None, 0)
