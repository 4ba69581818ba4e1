"""Seal the rows of the vault: AES-256-GCM under its own key, each bound to its digest."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import SettingsInvalid

NOT_ITS_OWN = "vault.key does not open vault.db: one of them is not its own"
_NONCE_BYTES = 12
_DOMAIN = b"lali vault 1"


def read_cipher(file: Path) -> AESGCM:
    """Return the cipher under the key in *file*.

    Raises:
        SettingsInvalid: There is none.
    """
    try:
        return AESGCM(file.read_bytes())
    except (FileNotFoundError, ValueError):
        raise SettingsInvalid(NOT_ITS_OWN) from None


def seal_row(cipher: AESGCM, key: bytes, digest: bytes) -> bytes:
    """Return *key* sealed, bound to *digest*."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, key, _DOMAIN + digest)


def open_row(cipher: AESGCM, sealed: bytes, digest: bytes) -> bytes:
    """Return the key of a row.

    Raises:
        InvalidTag: It was sealed under another key, or for another digest.
    """
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _DOMAIN + digest)


def opened_by(ciphers: Sequence[AESGCM], sealed: bytes, digest: bytes) -> bytes | None:
    """Return the key of a row that one of *ciphers* opens, or None."""
    for cipher in ciphers:
        with suppress(InvalidTag):
            return open_row(cipher, sealed, digest)
    return None
