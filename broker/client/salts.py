"""Salts that repeat for the same alert, and that nobody without the key can guess.

Two encodings of one revision must be equal byte for byte, or the second is an integrity
incident. With random salts they would differ. So a publisher derives them from a key of its
own: publishing the same alert again, after a lost answer or by mistake, is a duplicate.
"""

import hmac
import os
import secrets
from contextlib import suppress
from itertools import count
from pathlib import Path

from broker.errors import SettingsInvalid
from broker.model.alert import Alert
from broker.private_files import read_private, write_private
from broker.wire.alert_codec import Salts

KEY_BYTES = 32


def derived_salts(key: bytes, alert: Alert) -> Salts:
    """Return the salts of *alert*, one a call, derived from *key* and the whole alert."""
    secret = hmac.digest(key, alert.model_dump_json().encode(), "sha256")
    numbers = count()
    return lambda: hmac.digest(secret, next(numbers).to_bytes(2, "big"), "sha256")


def derived_secret(key: bytes, alert: Alert) -> bytes:
    """Return 32 secret bytes for *alert* alone: its alert key and its seals follow from them."""
    return hmac.digest(key, b"seal\n" + alert.model_dump_json().encode(), "sha256")


def kept_key(path: Path, made: bytes | None = None, *, make: bool = True, more: int = 0) -> bytes:
    """Return the key kept in *path*; make it at the first call, readable by its owner only.

    Args:
        path: Its file.
        made: The key that is kept at the first call. None: a random one.
        make: Whether one may be made.
        more: Bytes that stand behind the key in the file, and are returned with it.

    Raises:
        SettingsInvalid: The file is there and is no key, or others may read it; or it is not
            there, and none may be made.
    """
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path, made or os.urandom(KEY_BYTES))
    return _read(path, KEY_BYTES + more)


def _make(path: Path, key: bytes) -> None:
    # Written beside and linked: of two processes that come first, both read one whole key.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_private(beside, key)
    with suppress(FileExistsError):
        path.hardlink_to(beside)
    beside.unlink()


def _read(path: Path, length: int) -> bytes:
    key = read_private(path, length)
    if len(key) != length:
        raise SettingsInvalid(f"{path.name} is no secret key: it has not {length} bytes")
    return key
