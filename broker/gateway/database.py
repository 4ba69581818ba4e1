"""The gateway's own file: what it projects from Kafka.

SQLite, one file for each gateway process. Releases lie in it as they lie in Kafka: sealed.
All of it can be made anew from Kafka at any time. What cannot is elsewhere (`spool`, `repeats`).
"""

import asyncio
import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TextIO, TypeVar

from broker.errors import SettingsInvalid, StorageUnavailable
from broker.gateway.storage import (
    FAULTS,
    WAIT_SECONDS,
    fault_of,
    open_file,
    set_aside,
    transaction,
    try_room,
)
from broker.private_files import open_lock, private_folder

T = TypeVar("T")
P = ParamSpec("P")

#: Raised whenever a table changes; a file of another version is put aside and begun anew.
VERSION = 3
_MOST_GATEWAYS = 64

_TABLES = """
CREATE TABLE IF NOT EXISTS position(topic TEXT, partition INT, offset INT,
  PRIMARY KEY(topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS era(topic TEXT PRIMARY KEY, id BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shelved(feed TEXT, partition INT, offset INT, added INT,
  alert_id BLOB, revision INT, kind TEXT, value BLOB, recorded INT DEFAULT 0,
  PRIMARY KEY(feed, partition, offset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disclosed(feed TEXT, partition INT, offset INT, shown BLOB,
  PRIMARY KEY(feed, partition, offset, shown)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shelved_alert ON shelved(feed, alert_id, revision);
CREATE INDEX IF NOT EXISTS shelved_added ON shelved(feed, partition, added);
CREATE TABLE IF NOT EXISTS entry(entry_id BLOB PRIMARY KEY, alert_id BLOB, kind TEXT,
  revision INT, at INT, feed TEXT, originator TEXT, message_type TEXT, reason TEXT, path TEXT);
DROP INDEX IF EXISTS entry_alert;
CREATE INDEX IF NOT EXISTS entry_whose ON entry(alert_id, originator);
CREATE INDEX IF NOT EXISTS entry_originator ON entry(originator, at);
CREATE TABLE IF NOT EXISTS published(alert_id BLOB, revision INT, unit TEXT, at INT,
  PRIMARY KEY(alert_id, revision, unit)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS published_whose ON published(alert_id, unit);
"""


class Database:
    """One open file, kept for this process alone.

    Args:
        folder: Where gateways of this machine keep their files.

    Attributes:
        connection: For reading, on the event loop: it waits for nobody.
        writer: For writing, inside `transaction`.
        fault: Code of why nothing could be written the last time; None if it could.

    Raises:
        SettingsInvalid: The folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self.fault: str | None = None
        self.file, self._lock, self.writer = _free_file(folder)
        self.connection = open_file(self.file, 0)
        self._one_at_a_time = threading.RLock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.file.stem)

    async def off_loop(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Do *work*, which uses `transaction`, in the thread that writes.

        Raises:
            StorageUnavailable: The file is locked, damaged, or its disk is full.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self._told(work, *given, **named))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside, or nothing.

        It is not put to the disk at once: Kafka has it as well, and an fsync takes milliseconds.
        """
        with self._one_at_a_time, transaction(self.writer) as sql:
            yield sql

    def probe(self) -> None:
        """Try whether something can be written, as `off_loop` does."""
        with self.transaction() as sql:
            try_room(sql, self.file.parent)
            sql.execute(f"PRAGMA user_version={VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        self._thread.shutdown()
        self.connection.close()
        self.writer.close()
        self._lock.close()

    def _told(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        try:
            done = work(*given, **named)
        except FAULTS as error:
            self.fault = fault_of(error, self.file.parent)
            raise StorageUnavailable(self.fault) from None
        self.fault = None
        return done


def _free_file(folder: Path) -> tuple[Path, TextIO, sqlite3.Connection]:
    """Return the first file that no other gateway has, and that nobody holds locked."""
    for number in range(_MOST_GATEWAYS):
        file = folder / f"gateway-{number}.db"
        lock = open_lock(folder / f"gateway-{number}.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file, lock, _open(file)
        except BlockingIOError:
            lock.close()
        except FAULTS as error:
            lock.close()
            if (code := fault_of(error, folder)) != "STORAGE_LOCKED":
                raise SettingsInvalid(f"{folder.name}/{file.name}: {code}") from None
    raise SettingsInvalid(f"{folder.name}: too many gateways share it")


def _open(file: Path) -> sqlite3.Connection:
    try:
        return _prepared(file)
    except sqlite3.DatabaseError as error:
        if fault_of(error, file.parent) != "STORAGE_DAMAGED":
            raise  # locked, or the disk is full: what is in it is good
        set_aside(file, "damaged")  # by a power cut perhaps: all that matters is in Kafka still
        return _prepared(file)


def _prepared(file: Path) -> sqlite3.Connection:
    connection = open_file(file, WAIT_SECONDS)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(_TABLES)
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("PRAGMA synchronous=NORMAL")
        if version in (0, VERSION):
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    set_aside(file, "older")
    return _prepared(file)
