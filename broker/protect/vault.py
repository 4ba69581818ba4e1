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
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import KeyMissing, Rejected, SettingsInvalid
from broker.model.reason import Reason
from broker.protect.algorithms import KEY_BYTES
from broker.protect.keeper import refuse_open, write_private
from broker.protect.row_seal import NOT_ITS_OWN, opened_by, read_cipher, seal_row
from broker.protect.seen_clock import SeenClock
from broker.protect.vault_renewal import AT_ONCE, Renewal
from broker.protect.vault_tables import set_up

_FIND_ATTEMPTS = 100
_BUSY_MS = 30_000
_FOUND_AT_ONCE = 400


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
        """Destroy the keys whose retention ended before *now*, epoch ms; return how many.

        It may take long: call it in a thread of its own.
        """

    def forget_over(self, now: int) -> int:
        """Do the same, unless the clock has jumped so far that it may be wrong."""

    def is_erased(self, alert_id: bytes) -> bool:
        """Whether the alert was erased on request."""


def missing(vault: Vault, alert_id: bytes, path: str = "") -> Exception:
    """Return what it means that *vault* has no key of an alert: erased is not lost."""
    return Rejected(Reason.ERASED, path) if vault.is_erased(alert_id) else KeyMissing()


class FileVault:
    """A vault in one SQLite database, for all roles of one machine.

    Args:
        folder: Folder that only its owner may enter.

    Raises:
        SettingsInvalid: Key or database is open to others, or they do not belong together.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
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

    def count(self) -> int:
        """Return how many keys are here."""
        return int(self._database.execute("SELECT count(*) FROM alert_keys").fetchone()[0])

    @contextmanager
    def still(self) -> Iterator[None]:
        """Let nobody change database or keys while the block copies them."""
        with self._locked():
            yield

    def keep(self, rows: Iterable[Row]) -> None:
        """Keep *rows*, durably; what is there stays, and what was erased stays erased."""
        with self._locked():
            cipher = self._sealing_cipher()
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
        for start in range(0, len(wanted), _FOUND_AT_ONCE):
            found.update(self._find(wanted[start : start + _FOUND_AT_ONCE]))
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
        with self._locked():
            self._database.executemany(
                "INSERT OR IGNORE INTO erased VALUES (?, ?)", [(each, at) for each in alert_ids]
            )
            gone = self._database.executemany(
                "DELETE FROM alert_keys WHERE alert_id = ?", [(each,) for each in alert_ids]
            ).rowcount
            self._database.execute("INSERT INTO owed DEFAULT VALUES")
        self._renewal().run()
        return gone

    def forget(self, now: int) -> int:
        """Destroy the keys whose retention ended before *now*, epoch ms; return how many.

        On a connection of its own, so that a thread may do it, and in slices, so that nobody
        who keeps a key waits long.
        """
        with closing(FileVault(self._folder)) as own:
            return own._forget(now)  # noqa: SLF001 - it is one of us

    def forget_over(self, now: int) -> int:
        """Do the same, unless the clock has jumped so far that it may be wrong."""
        return self.forget(now) if SeenClock(self._folder / "clock.json").bears_out(now) else 0

    def _forget(self, now: int) -> int:
        gone = 0
        while more := self._forget_some(now):
            gone += more
        self._renewal().run()
        return gone

    def _forget_some(self, now: int) -> int:
        with self._locked():
            some = "SELECT digest FROM alert_keys WHERE retain_until < ? LIMIT ?"
            query = f"DELETE FROM alert_keys WHERE digest IN ({some})"  # noqa: S608 - our own
            gone = self._database.execute(query, (now, AT_ONCE)).rowcount
            if gone:
                self._database.execute("INSERT INTO owed DEFAULT VALUES")
        return gone

    def is_erased(self, alert_id: bytes) -> bool:
        """Whether the alert was erased on request."""
        query = "SELECT 1 FROM erased WHERE alert_id = ?"
        return self._database.execute(query, (alert_id,)).fetchone() is not None

    def _opened(self, rows: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        # While the key is renewed, rows are under the old key or under the next one.
        ciphers, found = list(self._ciphers()), {}
        for digest, sealed in rows:
            key = opened_by(ciphers, sealed, digest)
            if key is None:
                return None
            found[digest] = key
        return found

    def _renewal(self) -> Renewal:
        return Renewal(self._database, self._locked, self._key_file, self._next_file)

    def _sealing_cipher(self) -> AESGCM:
        """Return the key that new rows are sealed under: the next one, once there is one."""
        renewing = self._next_file.exists()
        return read_cipher(self._next_file if renewing else self._key_file)

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
        """End a renewal of nothing: older rows must not stay readable."""
        if self._next_file.exists() and self._first() is None:
            self._next_file.replace(self._key_file)

    def _check_key(self) -> None:
        """Make the first key; refuse to go on with one that is not the database's."""
        row = self._first()
        if row is None and not self._key_file.exists():
            write_private(self._key_file, os.urandom(KEY_BYTES))
        elif row is not None and opened_by(list(self._ciphers()), *row) is None:
            raise SettingsInvalid(NOT_ITS_OWN)

    def _first(self) -> tuple[bytes, bytes] | None:
        row = self._database.execute("SELECT sealed, digest FROM alert_keys LIMIT 1").fetchone()
        return (row[0], row[1]) if row else None

    def _ciphers(self) -> Iterator[AESGCM]:
        for file in (self._key_file, self._next_file, self._key_file):
            with suppress(FileNotFoundError, ValueError):
                yield AESGCM(file.read_bytes())
