"""The algorithms that keys are pinned to, by the names that records carry.

Each key has exactly one, fixed when it is made: a record cannot choose another for it.
"""

from enum import StrEnum

from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite


class Algorithm(StrEnum):
    """What a key is for, and how it is used."""

    #: FIPS 186-5, curve P-256, deterministic nonces (RFC 6979); signatures in DER.
    ECDSA_P256_SHA256 = "ECDSA-P256-SHA256"
    #: RFC 9180, base mode.
    HPKE_X25519 = "HPKE-X25519-HKDF-SHA256-AES-256-GCM"


#: The one HPKE suite in use (RFC 9180, section 7).
HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

#: An HPKE wrap of a 32-byte key: 32 bytes encapsulated key, 32 ciphertext, 16 tag.
WRAP_BYTES = 80
KEY_BYTES = 32
