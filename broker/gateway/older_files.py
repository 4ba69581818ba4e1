"""Alerts that wait in files of before: of an older version, damaged, or of a gateway that is gone.

They were answered for, so they are taken over by the spool of today. A file is passed over
while its gateway runs, and is marked as read only once what it held is on the disk elsewhere.
"""

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from broker.gateway.storage import fault_of
from broker.private_files import open_lock

log = structlog.get_logger()

#: Unit, alert id, revision, sealed alert.
Row = tuple[str, bytes, int, bytes]
_QUERY = "SELECT unit, alert_id, revision, value FROM spool ORDER BY number"
_PARTS = ("-wal", "-shm")


def older_rows(folder: Path) -> Iterator[list[Row]]:
    """Yield what waits in each older file of *folder*, in its order.

    Whoever comes back for the next has put the one before on the disk.
    """
    for file in sorted(folder.glob("*.older-*")) + sorted(folder.glob("*.damaged*")):
        if not file.name.endswith((*_PARTS, ".read")) and (rows := _rows(file)) is not None:
            yield from _told(file, rows)
            _mark_read(file)
    for file in sorted(folder.glob("gateway-*.db")):
        with _unused(file) as is_unused:
            if is_unused and (rows := _rows(file)):
                yield from _told(file, rows)
                _empty(file)


def _told(file: Path, rows: list[Row]) -> Iterator[list[Row]]:
    if rows:
        log.warning("spool.taken_over", file=file.name, alerts=len(rows))
        yield rows


def _rows(file: Path) -> list[Row] | None:
    """Return what can be read: of a damaged file all before the damage; None: look again later."""
    rows: list[Row] = []
    try:
        with contextlib.closing(sqlite3.connect(file)) as sql:
            for row in sql.execute(_QUERY):
                rows.append(row)  # noqa: PERF402 - those before the damage are kept
    except sqlite3.Error as error:
        has_none = error.sqlite_errorcode == sqlite3.SQLITE_ERROR  # no such table
        if not has_none and fault_of(error, file.parent) != "STORAGE_DAMAGED":
            return None
    return rows


def _mark_read(file: Path) -> None:
    for part in (*_PARTS, ""):
        with contextlib.suppress(FileNotFoundError):
            named = file.with_name(file.name + part)
            named.rename(named.with_name(f"{named.name}.read"))


def _empty(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as sql, sql:
        sql.execute("DELETE FROM spool")


@contextmanager
def _unused(file: Path) -> Iterator[bool]:
    """Hold the lock that its gateway would hold."""
    with open_lock(file.with_suffix(".lock")) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
