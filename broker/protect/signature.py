"""Sign statements and verify them: ECDSA on P-256 with SHA-256 (FIPS 186-5)."""

from datetime import datetime
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.protect.public_key import load_p256
from broker.protect.register import Holder, Register

_VERIFY = ec.ECDSA(hashes.SHA256())
#: Nonces by RFC 6979: a weak random source cannot give the key away.
SIGN = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


class Signature(NamedTuple):
    """A signature with the names of its algorithm and key."""

    algorithm: str
    key_id: str
    value: bytes


class Signer(Protocol):
    """Signs with a private key that it need not show: a file, a KMS or an HSM."""

    def sign(self, key_id: str, message: bytes) -> bytes:
        """Return the signature of *message* under the key.

        Raises:
            KeyError: The private key is not here.
        """


def verify(
    register: Register,
    owner: str,
    signature: Signature | None,
    signed: bytes,
    at: datetime,
    holder: Holder = Holder.UNIT,
) -> None:
    """Check that *owner* signed the bytes *signed*, by a key that counts at *at*.

    Raises:
        Rejected: SIGNATURE_MISSING, SIGNATURE_INVALID, or what is wrong with the key.
    """
    if signature is None:
        raise Rejected(Reason.SIGNATURE_MISSING, "signature")
    key = register.signing_key(signature.key_id, owner, signature.algorithm, at, holder)
    if not is_valid(key.public_bytes, signature.value, signed):
        raise Rejected(Reason.SIGNATURE_INVALID, "signature.value")


def is_valid(public: bytes, value: bytes, signed: bytes) -> bool:
    """Whether *value* signs *signed* under the DER key *public*."""
    try:
        load_p256(public).verify(value, signed, _VERIFY)
    except (InvalidSignature, ValueError):
        return False
    return True


def same_key(one: bytes, other: bytes) -> bool:
    """Whether two DER keys are one key, however each is written; False if one is no key."""
    try:
        return load_p256(one).public_numbers() == load_p256(other).public_numbers()
    except ValueError:
        return False
