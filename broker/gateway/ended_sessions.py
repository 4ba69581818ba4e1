"""Sessions of the form that were signed out: over a restart, and in every gateway of a folder.

One file for the gateways that share a folder. A session belongs to that folder, whose name is
in the key of its cookie: a gateway elsewhere, which cannot know that it was ended, never takes it.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from broker.errors import StorageUnavailable
from broker.gateway.storage import FAULTS, Store
from broker.private_files import private_folder

# A file that was lost, damaged or restored has another name: whatever was signed in is over.
_MIGRATIONS = (
    """CREATE TABLE folder(name BLOB NOT NULL);
    INSERT INTO folder VALUES(randomblob(16));
    CREATE TABLE ended(number TEXT PRIMARY KEY, ends INT NOT NULL) WITHOUT ROWID""",
)


class EndedSessions:
    """What was signed out, until it would have ended by itself.

    Every method raises `StorageUnavailable` while the file cannot be used: nobody is let in
    whose session may be over.

    Args:
        folder: Of the gateways that share it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = private_folder(folder) / "sessions.db"

    def folder(self) -> bytes:
        """Return what tells this folder's sessions from those of others."""
        with self._reading() as sql:
            (name,) = sql.execute("SELECT name FROM folder").fetchone()
        return bytes(name)

    def has(self, number: str) -> bool:
        """Whether the session *number* was ended."""
        with self._reading() as sql:
            found = sql.execute("SELECT 1 FROM ended WHERE number=?", (number,)).fetchone()
        return found is not None

    async def add(self, number: str, ends: int, now: int) -> None:
        """End the session *number*, which would end at *ends*, epoch milliseconds."""
        store = Store(self._file, _MIGRATIONS)
        try:
            await store.run(_end, number, ends, now)
        finally:
            store.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Open what lies there now: another gateway may have set a damaged file aside."""
        if not self._file.exists():
            self._make()
        try:
            # The reader of a file in WAL mode waits for nobody.
            with contextlib.closing(sqlite3.connect(self._file, timeout=0)) as sql:
                yield sql
        except (*FAULTS, TypeError):
            fault = self._set_right()
            raise StorageUnavailable(fault) from None

    def _make(self) -> None:
        store = Store(self._file, _MIGRATIONS)
        try:
            store.run_here(lambda _sql: None)
        finally:
            store.close()

    def _set_right(self) -> str:
        """Return why the file cannot be read; one that is damaged is set aside."""
        try:
            self._make()
        except StorageUnavailable as unavailable:
            return unavailable.code
        return "STORAGE_AWAY"


def _end(sql: sqlite3.Connection, number: str, ends: int, now: int) -> None:
    sql.execute("DELETE FROM ended WHERE ends<=?", (now,))
    sql.execute("INSERT OR REPLACE INTO ended VALUES(?,?)", (number, ends))
