"""SQLite beside the event loop: what waits for a lock or a disk holds up nobody else.

A file is used by one thread of its own. What it could not do raises `StorageUnavailable`, and
the file keeps the code of that until something is written again, for `/readyz` to tell.
"""

import asyncio
import contextlib
import errno
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from broker.errors import StorageUnavailable

log = structlog.get_logger()

T = TypeVar("T")
P = ParamSpec("P")

#: Result codes of SQLite (sqlite.org/rescode.html), without what an extended code adds.
_CODES = {
    sqlite3.SQLITE_BUSY: "STORAGE_LOCKED",
    sqlite3.SQLITE_LOCKED: "STORAGE_LOCKED",
    sqlite3.SQLITE_FULL: "STORAGE_FULL",
    sqlite3.SQLITE_CORRUPT: "STORAGE_DAMAGED",
    sqlite3.SQLITE_NOTADB: "STORAGE_DAMAGED",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
#: A disk with less room than this is full, bytes: SQLite may then say only that it cannot write.
_ROOM = 1 << 20
#: How long another process's lock is waited for, seconds.
WAIT_SECONDS = 5.0


#: What comes of a file that cannot be used.
FAULTS = (sqlite3.Error, OSError)


def fault_of(error: Exception, folder: Path) -> str:
    """Return the code of what *error* says of a file in *folder*."""
    if isinstance(error, OSError):
        return "STORAGE_FULL" if error.errno in _NO_ROOM else "STORAGE_AWAY"
    known = _CODES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if known is None and shutil.disk_usage(folder).free < _ROOM:
        return "STORAGE_FULL"
    return known or "STORAGE_AWAY"


class Store:
    """One file that several processes may share, and that is never thrown away.

    Args:
        file: Made when it is first used, mode 0600.
        migrations: Scripts that make its tables, oldest first; a file that is behind is brought
            forward, one that is ahead is left alone.
        wait_seconds: How long another process's lock is waited for.
        prepare: Done with the open file before anything else.
    """

    def __init__(
        self,
        file: Path,
        migrations: Sequence[str],
        wait_seconds: float = WAIT_SECONDS,
        prepare: Callable[[sqlite3.Connection], None] = lambda _sql: None,
    ) -> None:
        self.file = file
        self._migrations = migrations
        self._wait = wait_seconds
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None
        self._one_at_a_time = threading.RLock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=file.stem)
        self.fault: str | None = None

    async def run(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *given: P.args,
        **named: P.kwargs,
    ) -> T:
        """Do *work* in one transaction, on the disk when this returns, in a power cut too.

        Raises:
            StorageUnavailable: Nothing of it was done.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, lambda: self.run_here(work, *given, **named)
        )

    async def probe(self) -> None:
        """Write something that changes nothing, to know whether it can be done.

        Raises:
            StorageUnavailable: It cannot.
        """
        await self.run(try_room, self.file.parent)
        await self.run(lambda sql: _set_version(sql, len(self._migrations)))

    def run_here(
        self,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *given: P.args,
        **named: P.kwargs,
    ) -> T:
        """Do as `run` does, in this thread.

        Raises:
            StorageUnavailable: Nothing of it was done.
        """
        with self._one_at_a_time:
            try:
                with transaction(self._opened()) as sql:
                    done = work(sql, *given, **named)
            except FAULTS as error:
                raise self._unavailable(error) from None
            self.fault = None
            return done

    def close(self) -> None:
        """Do what was asked for, and let go of the file."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_file(self.file, self._wait)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                self._migrate(connection)
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with transaction(connection) as sql:
            (version,) = sql.execute("PRAGMA user_version").fetchone()
            if version > len(self._migrations):
                raise StorageUnavailable("STORAGE_NEWER")
            for number in range(version, len(self._migrations)):
                for statement in self._migrations[number].split(";"):
                    sql.execute(statement)
            _set_version(sql, len(self._migrations))

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        self.fault = fault_of(error, self.file.parent)
        log.error("storage.unavailable", file=self.file.name, code=self.fault)
        if self.fault == "STORAGE_DAMAGED":
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            set_aside(self.file, "damaged")
        return StorageUnavailable(self.fault)


def set_aside(file: Path, why: str) -> Path:
    """Give *file*, with what belongs to it, a name that no other has; return the name.

    What was kept in it can still be read there, by `broker.gateway.older_files` too.
    """
    aside = file.with_suffix(f".{why}-{time.time_ns()}")
    for part in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(file.name + part).rename(aside.with_name(aside.name + part))
    log.error("storage.set_aside", file=aside.name)
    return aside


def try_room(sql: sqlite3.Connection, folder: Path) -> None:
    """Take room in the file and give it back: inside a transaction.

    Raises:
        sqlite3.Error, OSError: There is none.
    """
    if shutil.disk_usage(folder).free < _ROOM:
        raise OSError(errno.ENOSPC, "no room")
    sql.execute("SAVEPOINT room")
    sql.execute("CREATE TABLE room AS SELECT zeroblob(?) AS taken", (_ROOM,))
    sql.execute("ROLLBACK TO room")


def _set_version(sql: sqlite3.Connection, version: int) -> None:
    sql.execute(f"PRAGMA user_version={version}")


def open_file(file: Path, wait_seconds: float) -> sqlite3.Connection:
    """Return a connection to *file*, made with mode 0600 where it is not there yet.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    file.touch(mode=0o600)
    file.chmod(0o600)
    connection = sqlite3.connect(
        file, timeout=wait_seconds, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of what is done inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it
            connection.execute("ROLLBACK")
        raise
