"""Wrap a key for whoever holds a private key: HPKE (RFC 9180, base mode).

The wrap is bound by `info` to what it is for, to the alert and revision, and to the key's id:
one taken to another place does not open there.
"""

import secrets
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)

from broker.protect.algorithms import HPKE, KEY_BYTES
from broker.protect.slot_seal import SealBroken

#: Stands in place of a key's id where a recipient has none. No key has it: ids are digests.
NOBODY = "f" * 16


class Unwrapper(Protocol):
    """Opens wraps with private keys that it need not show: files, a KMS or an HSM."""

    def holds(self, key_id: str) -> bool:
        """Whether the private key is here."""

    def unwrap(self, key_id: str, wrapped: bytes, info: bytes) -> bytes:
        """Return the key that was wrapped for *key_id*, bound to *info*.

        Raises:
            KeyError: The private key is not here, or was destroyed.
            SealBroken: It was wrapped otherwise.
        """


def wrap(key: bytes, public: bytes, info: bytes) -> bytes:
    """Return *key* wrapped for the raw X25519 key *public*, bound to *info*."""
    return HPKE.encrypt(key, X25519PublicKey.from_public_bytes(public), info=info)


def wrap_for_nobody(info: bytes) -> bytes:
    """Return what looks like a wrap, and opens with no key that anybody has."""
    thrown_away = X25519PrivateKey.generate().public_key().public_bytes_raw()
    return wrap(secrets.token_bytes(KEY_BYTES), thrown_away, info)


def open_wrap(wrapped: bytes, private: "object", info: bytes) -> bytes:
    """Return the key in *wrapped*.

    Raises:
        SealBroken: It was wrapped for another key, or bound to something else.
    """
    try:
        return HPKE.decrypt(wrapped, private, info=info)  # type: ignore[arg-type]
    except (InvalidTag, ValueError):
        raise SealBroken from None


def alert_info(alert_id: bytes, revision: int, key_id: str) -> bytes:
    """Return what the wrap of an alert key is bound to."""
    return b"lali alert key 1" + alert_id + revision.to_bytes(4, "big") + key_id.encode()


def feed_info(feed: str, key_id: str) -> bytes:
    """Return what the wrap of a feed's session key is bound to."""
    return b"lali feed key 1" + key_id.encode() + b"\x00" + feed.encode()
