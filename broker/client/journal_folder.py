"""The folder of a journal: who uses it, and its key.

journal     the records (broker.client.journal_file)
lock        held by the process that uses it
key         32 secret bytes, unless they are kept elsewhere; without them nothing can be read
damaged-1   a journal that was mended, as it was
"""

import fcntl
import os
from pathlib import Path

from broker.client.journal_file import sync_folder
from broker.client.salts import KEY_BYTES
from broker.errors import SettingsInvalid
from broker.private_files import private_folder, write_private

_OTHERS = 0o077


class JournalFolder:
    """One journal's folder.

    Args:
        path: Made with mode 0700.
        key_file: Where the key is, or will be.
    """

    def __init__(self, path: Path, key_file: Path) -> None:
        self._path = path
        self._key_file = key_file
        self._lock: int | None = None

    @property
    def journal(self) -> Path:
        """The file of records."""
        return self._path / "journal"

    def lock(self) -> None:
        """Use the journal, alone.

        Raises:
            SettingsInvalid: Another process does.
        """
        private_folder(self._path)
        number = os.open(
            self._path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(number)
            raise SettingsInvalid(f"{self._path.name}: another process uses this journal") from None
        self._lock = number

    def unlock(self) -> None:
        """Let others use it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def key(self) -> bytes:
        """Return the key; made, safe on the disk, where there is neither journal nor key.

        Raises:
            SettingsInvalid: It is gone, is none, or others may read it.
        """
        name = self._key_file.name
        if not self._key_file.exists():
            if self.journal.exists():
                raise SettingsInvalid(f"{name}: the journal's key is gone")
            self._key_file.parent.mkdir(parents=True, exist_ok=True)
            write_private(self._key_file, os.urandom(KEY_BYTES))
            sync_folder(self._key_file.parent)
        if self._key_file.stat().st_mode & _OTHERS:
            raise SettingsInvalid(f"{name}: others may read it: chmod 600")
        key = self._key_file.read_bytes()
        if len(key) != KEY_BYTES:
            raise SettingsInvalid(f"{name} is no journal key")
        return key

    def unused(self) -> Path:
        """Return a name for a damaged journal that none has yet."""
        number = 1
        while (self._path / f"damaged-{number}").exists():
            number += 1
        return self._path / f"damaged-{number}"
