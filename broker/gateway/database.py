"""The gateway's own file: what it projects from Kafka, and what waits for Kafka.

SQLite, one file for each gateway process. Releases lie in it as they lie in Kafka: sealed.
All of it but the spool can be made anew from Kafka at any time.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from broker.errors import SettingsInvalid
from broker.private_files import private_folder

#: Raised whenever a table changes; a file of another version is begun anew.
VERSION = 2
_MOST_GATEWAYS = 64

_TABLES = """
CREATE TABLE IF NOT EXISTS position(topic TEXT, partition INT, offset INT,
  PRIMARY KEY(topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS era(topic TEXT PRIMARY KEY, id BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shelved(feed TEXT, partition INT, offset INT, added INT,
  alert_id BLOB, revision INT, kind TEXT, value BLOB, recorded INT DEFAULT 0,
  PRIMARY KEY(feed, partition, offset)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS shelved_alert ON shelved(feed, alert_id, revision);
CREATE INDEX IF NOT EXISTS shelved_added ON shelved(feed, partition, added);
CREATE TABLE IF NOT EXISTS entry(entry_id BLOB PRIMARY KEY, alert_id BLOB, kind TEXT,
  revision INT, at INT, feed TEXT, originator TEXT, message_type TEXT, reason TEXT, path TEXT);
CREATE INDEX IF NOT EXISTS entry_alert ON entry(alert_id);
CREATE INDEX IF NOT EXISTS entry_originator ON entry(originator, at);
CREATE TABLE IF NOT EXISTS published(alert_id BLOB, revision INT, unit TEXT, at INT,
  PRIMARY KEY(alert_id, revision, unit)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS repeat(unit TEXT, key TEXT, digest BLOB, moment INT,
  PRIMARY KEY(unit, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spool(number INTEGER PRIMARY KEY AUTOINCREMENT, unit TEXT,
  alert_id BLOB, revision INT, value BLOB);
"""


class Database:
    """One open file, kept for this process alone.

    Args:
        folder: Where gateways of this machine keep their files.

    Raises:
        SettingsInvalid: The folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self.file, self._lock = _free_file(folder)
        self.connection = _open(self.file)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All of what is done inside, or nothing.

        Args:
            durable: On the disk when this ends, in a power cut too. What Kafka has as well can
                do without: an fsync holds up every request for milliseconds.
        """
        self.connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()
        self._lock.close()


def _free_file(folder: Path) -> tuple[Path, TextIO]:
    for number in range(_MOST_GATEWAYS):
        file = folder / f"gateway-{number}.db"
        lock = (folder / f"gateway-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return file, lock
    raise SettingsInvalid(f"{folder.name}: too many gateways share it")


def _open(file: Path) -> sqlite3.Connection:
    try:
        return _prepared(file)
    except sqlite3.DatabaseError:
        # Damaged, by a power cut perhaps: all that matters is in Kafka still.
        file.replace(file.with_suffix(".damaged"))
        return _prepared(file)


def _prepared(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        connection.close()
        raise sqlite3.DatabaseError
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version={VERSION}")
    file.chmod(0o600)
    return connection
