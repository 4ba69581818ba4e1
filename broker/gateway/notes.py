"""What this gateway published and nothing else knows of yet: in memory at once, then in its file.

An alert that Kafka has is answered for, also while the file is locked or its disk is full. Then
its note waits in memory; what a gateway that dies forgets so is told by the audit log later.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from broker.errors import StorageUnavailable
from broker.gateway.database import Database

_AGAIN_SECONDS = 2.0
#: Most notes that wait for the file; beyond that the oldest are left to the audit log.
_MOST = 100_000


class Note(NamedTuple):
    """One revision that was published, at *at*, epoch milliseconds."""

    alert_id: UUID
    revision: int
    unit: str
    at: int


class Notes:
    """The notes of one gateway.

    Args:
        database: The gateway's file.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[tuple[UUID, str], dict[int, int]] = {}
        self._changed = asyncio.Event()

    def add(self, notes: Iterable[Note]) -> None:
        """Remember *notes*."""
        for note in notes:
            revisions = self._waiting.setdefault((note.alert_id, note.unit), {})
            revisions.setdefault(note.revision, note.at)
        while len(self._waiting) > _MOST:
            del self._waiting[next(iter(self._waiting))]
        self._changed.set()

    def of(self, alert_id: UUID, unit: str) -> list[tuple[int, int]]:
        """Return revision and moment of what *unit* published under an id."""
        query = "SELECT revision, at FROM published WHERE alert_id=? AND unit=?"
        kept = dict(self._database.connection.execute(query, (alert_id.bytes, unit)))
        return list({**self._waiting.get((alert_id, unit), {}), **kept}.items())

    def by(self, unit: str) -> list[tuple[UUID, int]]:
        """Return what *unit* published and the file does not have yet, with its moment."""
        return [(note.alert_id, note.at) for note in self._all() if note.unit == unit]

    async def keep(self) -> None:
        """Put what waits into the file, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            batch = self._all()
            try:
                await self._database.off_loop(self._write, batch)
            except StorageUnavailable:  # told by `/readyz`
                self._changed.set()
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self._drop(batch)

    def _all(self) -> list[Note]:
        waiting = self._waiting.items()
        return [Note(i, n, unit, at) for (i, unit), each in waiting for n, at in each.items()]

    def _drop(self, notes: Iterable[Note]) -> None:
        for note in notes:
            revisions = self._waiting.get((note.alert_id, note.unit), {})
            revisions.pop(note.revision, None)
            if not revisions:
                self._waiting.pop((note.alert_id, note.unit), None)

    def _write(self, notes: Iterable[Note]) -> None:
        rows = [(each.alert_id.bytes, *each[1:]) for each in notes]
        with self._database.transaction() as sql:
            sql.executemany("INSERT OR IGNORE INTO published VALUES(?,?,?,?)", rows)


def newest_first(seen: Iterable[tuple[UUID, int]]) -> list[tuple[UUID, int]]:
    """Return each alert once, with the first moment that it was seen, the newest first."""
    first: dict[UUID, int] = {}
    for alert_id, at in seen:
        first[alert_id] = min(at, first.get(alert_id, at))
    return sorted(first.items(), key=lambda each: (-each[1], each[0].bytes))
