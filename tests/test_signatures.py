"""Signatures: what a key did not sign is refused, at accept and at every recipient."""

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
    flipped,
    open_alert,
    protection,
    reason_of,
)
from signing import both_refuse, published, release, signed_anew, verified

from broker.model.compartment import COMPARTMENTS
from broker.protect.signature import SIGN, is_valid
from broker.protect.statement import commit_distribution, make_statement
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


SLOTS = AlertParts(published()).slots


@given(st.integers(0, len(COMPARTMENTS) * 32 * 8 - 1))
def test_a_bit_changed_in_any_commitment_is_refused(bit):
    slot, within = divmod(bit, 32 * 8)
    for value, slots, act in (
        (published(), SLOTS, open_alert),
        (release(), ReleaseParts(release()).slots, verified),
    ):
        start = slots.ends[slot]
        refused = reason_of(act, flipped(value, start * 8 + within))
        assert refused == ("SIGNATURE_INVALID", "signature.value")


@given(st.data())
def test_a_bit_changed_in_label_or_distribution_changes_the_statement(data):
    parts = AlertParts(published())
    salt = parts.seal.distribution_salt
    commitments = b"".join(parts.slots.commitment(published(), n) for n in range(len(COMPARTMENTS)))
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
