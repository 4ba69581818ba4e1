"""The spool: sealed alerts that wait on disk while Kafka is away, in order, bounded by unit.

Only where it is switched on, and only what its publisher's keys have sealed: nothing readable
waits on a disk. An alert in it is fsynced before its publisher is answered, and stays until
Kafka has it: in a file of its own, which every gateway of the folder uses, and which no gateway
throws away. Whoever comes sends what waits; one at a time for each unit.
"""

import fcntl
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from broker.gateway.older_files import Row, older_rows
from broker.gateway.storage import Store, transaction
from broker.model.reason import Reason
from broker.private_files import open_lock, private_folder

#: What is `refused` waits no more; it is kept for whoever looks into it.
_MIGRATIONS = (
    """CREATE TABLE spool(number INTEGER PRIMARY KEY AUTOINCREMENT, unit TEXT NOT NULL,
      alert_id BLOB NOT NULL, revision INT NOT NULL, value BLOB NOT NULL, digest BLOB NOT NULL,
      size INT NOT NULL, refused TEXT);
    CREATE UNIQUE INDEX spool_once ON spool(unit, digest);
    CREATE INDEX spool_waiting ON spool(unit, refused, number, size)""",
)
_WAITING = "FROM spool WHERE refused IS NULL"


class Waiting(NamedTuple):
    """One alert in the spool."""

    number: int
    unit: str
    alert_id: UUID
    revision: int
    value: bytes

    def __repr__(self) -> str:
        return f"Waiting({self.number})"


class SpoolFull(Exception):
    """It holds as much of a unit as it may."""


class Spool:
    """First in, first out, for each unit.

    Each method raises `StorageUnavailable` while the file cannot be used: nothing was changed.

    Args:
        folder: Of the gateways that share it.
        most_bytes: Most that it may hold of one unit.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = private_folder(folder)
        self._most = most_bytes
        self.store = Store(folder / "spool.db", _MIGRATIONS, prepare=self._adopt)

    async def add(self, unit: str, alert_id: UUID, revision: int, value: bytes) -> None:
        """Keep one sealed alert.

        Raises:
            SpoolFull: There is no room for this unit; nothing was kept.
        """
        await self.store.run(_add, (unit, alert_id.bytes, revision, value), self._most)

    async def waiting(self) -> dict[str, int]:
        """Return how many alerts wait, for each unit that has any."""
        return await self.store.run(_counts)

    async def has(self, unit: str) -> bool:
        """Whether anything of *unit* waits."""
        return await self.store.run(_has, unit)

    async def first(self, unit: str, count: int) -> list[Waiting]:
        """Return the *count* of *unit* that wait longest."""
        return await self.store.run(_first, unit, count)

    async def drop(self, number: int) -> None:
        """Forget one that Kafka has."""
        await self.store.run(_execute, "DELETE FROM spool WHERE number=?", (number,))

    async def refuse(self, number: int, reason: Reason) -> None:
        """Keep one that Kafka will never take, out of the way of those behind it."""
        await self.store.run(
            _execute, "UPDATE spool SET refused=? WHERE number=?", (reason, number)
        )

    @contextmanager
    def claimed(self, unit: str) -> Iterator[bool]:
        """Send what waits of *unit* inside this, if it is given: no other gateway does then."""
        with open_lock(self._folder / f"spool-{unit}.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()

    def _adopt(self, sql: sqlite3.Connection) -> None:
        for rows in older_rows(self._folder):
            with transaction(sql):
                for row in rows:
                    _keep(sql, row)


def _add(sql: sqlite3.Connection, row: Row, most: int) -> None:
    query = f"SELECT coalesce(sum(size), 0) {_WAITING} AND unit=?"
    (held,) = sql.execute(query, row[:1]).fetchone()
    if held + len(row[3]) > most:
        raise SpoolFull
    _keep(sql, row)


def _keep(sql: sqlite3.Connection, row: Row) -> None:
    query = (
        "INSERT OR IGNORE INTO spool(unit,alert_id,revision,value,digest,size) VALUES(?,?,?,?,?,?)"
    )
    sql.execute(query, (*row, hashlib.sha256(row[3]).digest(), len(row[3])))


def _counts(sql: sqlite3.Connection) -> dict[str, int]:
    return dict(sql.execute(f"SELECT unit, count(*) {_WAITING} GROUP BY unit"))


def _has(sql: sqlite3.Connection, unit: str) -> bool:
    query = f"SELECT 1 {_WAITING} AND unit=? LIMIT 1"
    return sql.execute(query, (unit,)).fetchone() is not None


def _first(sql: sqlite3.Connection, unit: str, count: int) -> list[Waiting]:
    columns = "number, unit, alert_id, revision, value"
    query = f"SELECT {columns} {_WAITING} AND unit=? ORDER BY number LIMIT ?"
    rows = sql.execute(query, (unit, count))
    return [Waiting(n, unit, UUID(bytes=i), rev, value) for n, unit, i, rev, value in rows]


def _execute(sql: sqlite3.Connection, query: str, values: tuple[object, ...]) -> None:
    sql.execute(query, values)
