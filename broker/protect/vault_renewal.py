"""Renew the key of the vault: row by row, in slices, while others go on reading and keeping.

vault.next holds the key to come, from the first slice to the last. As long as it is there,
rows are under the old key or under the next one, whoever reads tries both, and whoever keeps
uses the next one. A process that dies leaves both keys; the next renewal goes on from there.
What was deleted owes a renewal, noted with the deletion itself.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import SettingsInvalid
from broker.protect.algorithms import KEY_BYTES
from broker.protect.keeper import write_private
from broker.protect.row_seal import NOT_ITS_OWN, opened_by, seal_row

#: Rows that are sealed anew, or deleted, while others wait.
AT_ONCE = 1_000
#: Others get their turn between two slices, seconds.
_BETWEEN_SECONDS = 0.01


class Renewal:
    """Renewals of one vault's key.

    Args:
        database: The vault's.
        locked: Holds the database for one writer.
        key_file: The key.
        next_file: The key to come.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        locked: Callable[[], AbstractContextManager[None]],
        key_file: Path,
        next_file: Path,
    ) -> None:
        self._database = database
        self._locked = locked
        self._key_file = key_file
        self._next_file = next_file

    def run(self) -> None:
        """Renew the key until nothing is owed, and no renewal is left half done."""
        while (fresh := self._begin()) is not None:
            after: bytes | None = b""
            while after is not None:
                after = self._slice(fresh, after)
                time.sleep(_BETWEEN_SECONDS)
            self._end(fresh)
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _begin(self) -> bytes | None:
        """Return the key to come: of a renewal that broke off, or a new one; None: none is owed."""
        with self._locked():
            if self._next_file.exists():
                return self._next_file.read_bytes()
            if self._database.execute("SELECT 1 FROM owed LIMIT 1").fetchone() is None:
                return None
            fresh = os.urandom(KEY_BYTES)
            write_private(self._next_file, fresh)
            self._database.execute("DELETE FROM owed")
            return fresh

    def _slice(self, fresh: bytes, after: bytes) -> bytes | None:
        """Seal the rows behind *after* anew; return where to go on, None at the end.

        What is kept meanwhile is under the next key already, wherever it lies.
        """
        with self._locked():
            if not self._is_next(fresh):
                return None  # somebody else has ended this renewal
            query = "SELECT digest, sealed FROM alert_keys WHERE digest > ? ORDER BY digest LIMIT ?"
            rows = self._database.execute(query, (after, AT_ONCE)).fetchall()
            renewed = [(self._renewed(fresh, *row), row[0]) for row in rows]
            self._database.executemany("UPDATE alert_keys SET sealed = ? WHERE digest = ?", renewed)
            return bytes(rows[-1][0]) if len(rows) == AT_ONCE else None

    def _end(self, fresh: bytes) -> None:
        """Put the next key in force: every row is under it, and that is committed."""
        with self._locked():
            if self._is_next(fresh):
                self._next_file.replace(self._key_file)

    def _is_next(self, fresh: bytes) -> bool:
        return self._next_file.exists() and self._next_file.read_bytes() == fresh

    def _renewed(self, fresh: bytes, digest: bytes, sealed: bytes) -> bytes:
        old, new = AESGCM(self._key_file.read_bytes()), AESGCM(fresh)
        key = opened_by((old, new), sealed, digest)
        if key is None:
            raise SettingsInvalid(NOT_ITS_OWN)
        return seal_row(new, key, digest)
