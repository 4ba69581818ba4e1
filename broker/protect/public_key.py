"""Public keys: whether bytes are a key that its algorithm can use.

A register is outside input. A key that is none would stop the role that first uses it, in the
middle of an alert, so it is refused where the register is read.
"""

from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from broker.protect.algorithms import Algorithm

#: Any private key shows whether a public one gives a secret; this one keeps none.
_PROBE = X25519PrivateKey.from_private_bytes(bytes(31) + b"\x40")


def is_public_key(algorithm: Algorithm, public: bytes) -> bool:
    """Whether *public* is a key for *algorithm*, written in its one canonical form.

    P-256: DER SubjectPublicKeyInfo, named curve, uncompressed point. X25519: 32 bytes, and no
    point of low order (RFC 7748, section 6.1), for which every secret would be zero.
    """
    try:
        if algorithm is Algorithm.ECDSA_P256_SHA256:
            spelt = load_p256(public).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return spelt == public
        _PROBE.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def load_p256(public: bytes) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key in the DER bytes *public*.

    Raises:
        ValueError: It is none.
    """
    try:
        key = load_der_public_key(public)
    except UnsupportedAlgorithm:  # a curve that nobody knows
        raise ValueError("not a P-256 key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ValueError("not a P-256 key")
    return key
