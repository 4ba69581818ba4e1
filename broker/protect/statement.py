"""What an originator signs: label, distribution and all commitments, whatever is withheld.

    "lali alert statement 1" LF | SHA-256(label) | distribution commitment | commitments

There are as many commitments as the alert has slots: twelve, or those of today.

The distribution is never released, and little would be to guess in it; so it enters by a
salted commitment, which a release carries in its place.
"""

import hashlib
from typing import NamedTuple

_DOMAIN = b"lali alert statement 1\n"
_DISTRIBUTION = b"distribution"


class Statement(NamedTuple):
    """One signed statement.

    Attributes:
        signed: The bytes that are signed.
        digest: Their SHA-256: equal for two publications of the same content, however sealed.
        distribution_commitment: The commitment to the distribution within.
    """

    signed: bytes
    digest: bytes
    distribution_commitment: bytes


def commit_distribution(salt: bytes, distribution: bytes) -> bytes:
    """Return the commitment to an encoded *distribution* under its 32-byte *salt*."""
    return hashlib.sha256(_DISTRIBUTION + salt + distribution).digest()


def make_statement(label: bytes, distribution_commitment: bytes, commitments: bytes) -> Statement:
    """Return the statement over an encoded *label* and the *commitments*, joined in wire order."""
    label_digest = hashlib.sha256(label).digest()
    signed = b"".join((_DOMAIN, label_digest, distribution_commitment, commitments))
    return Statement(signed, hashlib.sha256(signed).digest(), distribution_commitment)
