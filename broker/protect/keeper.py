"""Private keys in files, behind the interface that a KMS or an HSM can take as well.

One PEM file a key, in a folder that only its owner may enter (mode 0700, files 0600). A file
that others may read is refused: it may have been read already.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519

from broker import private_files
from broker.errors import SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.register import key_id_of
from broker.protect.signature import SIGN, Signer
from broker.protect.wrap import Unwrapper, open_wrap

_IS_ID = re.compile(r"[0-9a-f]{16}").fullmatch
_PrivateKey = ec.EllipticCurvePrivateKey | x25519.X25519PrivateKey


class Keeper(Signer, Unwrapper, Protocol):
    """Makes, uses and destroys private keys; it never shows one."""

    def generate(self, algorithm: Algorithm, owner: str) -> tuple[str, bytes]:
        """Make a key; return its id and its public half."""

    def holds(self, key_id: str) -> bool:
        """Whether the private key is here."""

    def destroy(self, key_id: str) -> None:
        """Make the private key unrecoverable, as far as its store can."""


class FileKeeper:
    """Keys in the files of one folder.

    Raises:
        SettingsInvalid: The folder or a file in it is open to others.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, _PrivateKey] = {}
        if folder.exists():
            refuse_open(folder)

    def __repr__(self) -> str:
        return "FileKeeper()"

    def generate(self, algorithm: Algorithm, owner: str) -> tuple[str, bytes]:
        """Make a key; return its id and its public half."""
        private: _PrivateKey
        if algorithm is Algorithm.ECDSA_P256_SHA256:
            private = ec.generate_private_key(ec.SECP256R1())
        else:
            private = x25519.X25519PrivateKey.generate()
        public = public_bytes(private)
        key_id = key_id_of(algorithm, owner, public)
        write_private(self._path(key_id), _pem(private))
        return key_id, public

    def holds(self, key_id: str) -> bool:
        """Whether the private key is here."""
        return _IS_ID(key_id) is not None and self._path(key_id).exists()

    def sign(self, key_id: str, message: bytes) -> bytes:
        """Return the ECDSA signature of *message*.

        Raises:
            KeyError: The private key is not here, or is for something else.
        """
        key = self._key(key_id)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyError(key_id)
        return key.sign(message, SIGN)

    def unwrap(self, key_id: str, wrapped: bytes, info: bytes) -> bytes:
        """Return the key that was wrapped for *key_id*.

        Raises:
            KeyError: The private key is not here, was destroyed, or is for something else.
            SealBroken: It was wrapped otherwise.
        """
        key = self._key(key_id)
        if not isinstance(key, x25519.X25519PrivateKey):
            raise KeyError(key_id)
        return open_wrap(wrapped, key, info)

    def destroy(self, key_id: str) -> None:
        """Overwrite the file and remove it; what the disk itself remembers is its own matter."""
        path = self._path(key_id)
        self._loaded.pop(key_id, None)
        with suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(os.urandom(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()

    def _key(self, key_id: str) -> _PrivateKey:
        path = self._path(key_id)
        if not path.exists():  # destroyed by another process
            self._loaded.pop(key_id, None)
            raise KeyError(key_id)
        key = self._loaded.get(key_id)
        if key is None:
            refuse_open(path)
            key = self._loaded[key_id] = load_private(path.read_bytes())
        return key

    def _path(self, key_id: str) -> Path:
        if not _IS_ID(key_id):  # ids come in records: none may lead to another file
            raise KeyError
        return self._folder / f"{key_id}.pem"


def load_private(pem: bytes) -> _PrivateKey:
    """Return the private key in *pem*.

    Raises:
        SettingsInvalid: It holds none that Lali uses; the text says nothing of it.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise SettingsInvalid("a private key file cannot be read") from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, x25519.X25519PrivateKey)):
        raise SettingsInvalid("a private key file holds a key of another kind")
    return key


def public_bytes(private: _PrivateKey) -> bytes:
    """Return the public half as the register has it: raw X25519, or DER."""
    if isinstance(private, x25519.X25519PrivateKey):
        return private.public_key().public_bytes_raw()
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private_files.write_private(path, content)


def _pem(private: _PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def refuse_open(path: Path) -> None:
    """Refuse a file or folder that others may read.

    Raises:
        SettingsInvalid: They may.
    """
    if path.stat().st_mode & 0o077:
        raise SettingsInvalid(f"{path.name} is open to others: chmod go-rwx it, and replace it")
