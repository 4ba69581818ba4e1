"""The tables of a vault's database, and how it is set up by several processes at once."""

import sqlite3
import time

_TABLES = """
    CREATE TABLE IF NOT EXISTS alert_keys (
        digest BLOB PRIMARY KEY, alert_id BLOB NOT NULL, sealed BLOB NOT NULL,
        retain_until INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_alert ON alert_keys (alert_id);
    CREATE INDEX IF NOT EXISTS by_end ON alert_keys (retain_until);
    CREATE TABLE IF NOT EXISTS erased (
        alert_id BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS owed (number INTEGER PRIMARY KEY);
"""
_ATTEMPTS = 100
_ATTEMPT_SECONDS = 0.05


def set_up(database: sqlite3.Connection) -> None:
    """Make *database* durable, wiping and whole; several processes may do so at once."""
    # SQLite does not wait for the lock that a change of journal takes: several processes
    # that start at once wait here for one another.
    for attempt in range(_ATTEMPTS):
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
                database.execute(f"PRAGMA {pragma}")
            database.executescript(_TABLES)
        except sqlite3.OperationalError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_ATTEMPT_SECONDS)
        else:
            return
