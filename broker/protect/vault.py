"""The vault: the key of every accepted alert, until its retention ends or it is erased.

Kafka holds no key that opens an alert: accept takes it out of the record and puts it here.
So a thief of Kafka's disks or backups reads nothing, and erasing one row makes every copy
of that alert unreadable at once, wherever it lies.

Rows are sealed under a key of the vault's own, in a file beside it; erasing renews that key,
so that an older copy of the database opens nothing either. Copies of the whole folder are
not backups: they would keep what must go. A KMS can stand in behind `Vault`.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import SettingsInvalid
from broker.protect.algorithms import KEY_BYTES
from broker.protect.keeper import refuse_open, write_private
from broker.protect.row_seal import NOT_ITS_OWN, open_row, opens_row, read_cipher, seal_row
from broker.protect.vault_tables import set_up

_FIND_ATTEMPTS = 100
_BUSY_MS = 30_000
_AT_ONCE = 400


class Row(NamedTuple):
    """The key of one revision.

    Attributes:
        digest: Of the originator's statement: it names this content of this originator, so
            nobody else's publication can stand in its place.
        alert_id: 16 bytes.
        key: The alert key.
        retain_until: Epoch ms after which the vault forgets it.
    """

    digest: bytes
    alert_id: bytes
    key: bytes
    retain_until: int

    def __repr__(self) -> str:
        return "Row()"


class Vault(Protocol):
    """Keeps alert keys."""

    def keep(self, rows: Iterable[Row]) -> None:
        """Keep *rows*, durably; what is there stays, and what was erased stays erased."""

    def find(self, wanted: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the keys of those of *wanted*, statement digests, that are here."""

    def erase(self, alert_ids: Sequence[bytes], at: int) -> int:
        """Destroy every key of these alerts for good; return how many there were."""

    def forget(self, now: int) -> int:
        """Destroy the keys whose retention ended before *now*, epoch ms; return how many."""

    def is_erased(self, alert_id: bytes) -> bool:
        """Whether the alert was erased on request."""


class FileVault:
    """A vault in one SQLite database, for all roles of one machine.

    Args:
        folder: Folder that only its owner may enter.

    Raises:
        SettingsInvalid: Key or database is open to others, or they do not belong together.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key_file = folder / "vault.key"
        self._next_file = folder / "vault.next"
        file = folder / "vault.db"
        file.touch(mode=0o600)  # SQLite gives its journals the mode of the database
        for private in (file, self._key_file):
            if private.exists():
                refuse_open(private)
        self._database = sqlite3.connect(file, timeout=_BUSY_MS / 1000)
        self._database.isolation_level = None
        set_up(self._database)
        with self._locked():
            self._check_key()

    def __repr__(self) -> str:
        return "FileVault()"

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def keep(self, rows: Iterable[Row]) -> None:
        """Keep *rows*, durably; what is there stays, and what was erased stays erased."""
        with self._writing() as cipher:
            sealed = [
                (r.digest, r.alert_id, seal_row(cipher, r.key, r.digest), r.retain_until)
                for r in rows
            ]
            self._database.executemany(
                "INSERT OR IGNORE INTO alert_keys SELECT ?1, ?2, ?3, ?4 "
                "WHERE NOT EXISTS (SELECT 1 FROM erased WHERE alert_id = ?2)",
                sealed,
            )

    def find(self, wanted: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the keys of those of *wanted*, statement digests, that are here."""
        found: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            found.update(self._find(wanted[start : start + _AT_ONCE]))
        return found

    def _find(self, wanted: Sequence[bytes]) -> dict[bytes, bytes]:
        marks = ",".join("?" * len(wanted))
        query = f"SELECT digest, sealed FROM alert_keys WHERE digest IN ({marks})"  # noqa: S608 - only marks
        for _ in range(_FIND_ATTEMPTS):  # an erasure may come between rows and key
            opened = self._opened(self._database.execute(query, wanted).fetchall())
            if opened is not None:
                return opened
        raise SettingsInvalid(NOT_ITS_OWN)

    def erase(self, alert_ids: Sequence[bytes], at: int) -> int:
        """Destroy every key of these alerts for good; return how many there were."""
        with self._writing() as cipher:
            self._database.executemany(
                "INSERT OR IGNORE INTO erased VALUES (?, ?)", [(each, at) for each in alert_ids]
            )
            gone = self._database.executemany(
                "DELETE FROM alert_keys WHERE alert_id = ?", [(each,) for each in alert_ids]
            ).rowcount
            self._renew_key(cipher)
        self._finish()
        return gone

    def forget(self, now: int) -> int:
        """Destroy the keys whose retention ended before *now*, epoch ms; return how many."""
        found = self._database.execute(
            "SELECT count(*) FROM alert_keys WHERE retain_until < ?", (now,)
        ).fetchone()[0]
        if found:
            with self._writing() as cipher:
                self._database.execute("DELETE FROM alert_keys WHERE retain_until < ?", (now,))
                self._renew_key(cipher)
            self._finish()
        return int(found)

    def is_erased(self, alert_id: bytes) -> bool:
        """Whether the alert was erased on request."""
        query = "SELECT 1 FROM erased WHERE alert_id = ?"
        return self._database.execute(query, (alert_id,)).fetchone() is not None

    def _opened(self, rows: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        # Between an erasure's commit and the renaming of its key file, the new key is in
        # the file beside it. All rows of one answer are under one key.
        for cipher in self._ciphers():
            with suppress(InvalidTag):
                return {digest: open_row(cipher, sealed, digest) for digest, sealed in rows}
        return None

    def _renew_key(self, old: AESGCM) -> None:
        """Seal every row anew under a new key; the old one goes with the commit."""
        fresh = os.urandom(KEY_BYTES)
        new = AESGCM(fresh)
        write_private(self._next_file, fresh)
        rows = self._database.execute("SELECT digest, sealed FROM alert_keys").fetchall()
        renewed = [(seal_row(new, open_row(old, sealed, d), d), d) for d, sealed in rows]
        self._database.executemany("UPDATE alert_keys SET sealed = ? WHERE digest = ?", renewed)

    def _finish(self) -> None:
        """Put a new key in force, as a writer: another's, not yet committed, stays out."""
        with self._locked():
            pass
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _writing(self) -> Iterator[AESGCM]:
        with self._locked():
            yield read_cipher(self._key_file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._settle_key()
            yield
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

    def _settle_key(self) -> None:
        """Finish, or undo, a renewal that was committed, or broke off; only a writer does."""
        if not self._next_file.exists():
            return
        row = self._first()
        # Without rows nothing can be lost, and older rows must not stay readable.
        if row is None or opens_row(read_cipher(self._next_file), *row):
            self._next_file.replace(self._key_file)
        else:
            self._next_file.unlink()

    def _check_key(self) -> None:
        """Make the first key; refuse to go on with one that is not the database's."""
        row = self._first()
        if row is None and not self._key_file.exists():
            write_private(self._key_file, os.urandom(KEY_BYTES))
        elif row is not None and not opens_row(read_cipher(self._key_file), *row):
            raise SettingsInvalid(NOT_ITS_OWN)

    def _first(self) -> tuple[bytes, bytes] | None:
        row = self._database.execute("SELECT sealed, digest FROM alert_keys LIMIT 1").fetchone()
        return (row[0], row[1]) if row else None

    def _ciphers(self) -> Iterator[AESGCM]:
        for file in (self._key_file, self._next_file, self._key_file):
            with suppress(FileNotFoundError):
                yield AESGCM(file.read_bytes())
