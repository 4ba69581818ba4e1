"""The spool: sealed alerts that wait on disk while Kafka is away, in order, bounded.

Only where it is switched on, and only what its publisher's keys have sealed: nothing readable
waits on a disk. An alert in it is fsynced before its publisher is answered.
"""

from typing import NamedTuple
from uuid import UUID

from broker.gateway.database import Database


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
    """It holds as much as it may."""


class Spool:
    """First in, first out.

    Args:
        database: The gateway's file.
        most_bytes: Most that it may hold.
    """

    def __init__(self, database: Database, most_bytes: int) -> None:
        self._database = database
        self._most = most_bytes

    def __len__(self) -> int:
        (count,) = self._database.connection.execute("SELECT count(*) FROM spool").fetchone()
        return int(count)

    def add(self, unit: str, alert_id: UUID, revision: int, value: bytes) -> None:
        """Keep one sealed alert.

        Raises:
            SpoolFull: There is no room; nothing was kept.
        """
        with self._database.transaction(durable=True) as sql:
            (held,) = sql.execute("SELECT coalesce(sum(length(value)),0) FROM spool").fetchone()
            if held + len(value) > self._most:
                raise SpoolFull
            row = (unit, alert_id.bytes, revision, value)
            sql.execute("INSERT INTO spool(unit,alert_id,revision,value) VALUES(?,?,?,?)", row)

    def first(self, count: int) -> list[Waiting]:
        """Return the *count* that wait longest."""
        query = "SELECT number, unit, alert_id, revision, value FROM spool ORDER BY number LIMIT ?"
        rows = self._database.connection.execute(query, (count,))
        return [Waiting(n, unit, UUID(bytes=i), rev, value) for n, unit, i, rev, value in rows]

    def drop(self, number: int) -> None:
        """Forget one that Kafka has."""
        with self._database.transaction() as sql:
            sql.execute("DELETE FROM spool WHERE number=?", (number,))
