"""The shelf: every feed's releases, as they lie in Kafka, where pages and streams find them.

`added` orders what came from several partitions: microseconds of the record's own time,
made to rise strictly within a partition and to differ between partitions. Nothing is ever
shelved below the horizon, so whoever asks for what was added after a moment misses nothing.
"""

import asyncio
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from broker.errors import OF_BYTES
from broker.gateway.database import Database
from broker.gateway.eras import Eras
from broker.wire.codec import decode_trusted
from broker.wire.consumer import ConsumerRecord
from broker.wire.partition import Target
from broker.wire.topics import Topics

log = structlog.get_logger()

#: Clocks of brokers and of this machine may differ by so much, microseconds.
_CLOCKS_DIFFER_US = 2_000_000
_COLUMNS = "feed, partition, offset, added, alert_id, revision, kind, value"


@dataclass(frozen=True, slots=True)
class Shelved:
    """One record of one feed.

    Attributes:
        added: Microseconds since 1970; rises strictly in a partition, differs in a feed.
        value: The framed release, as it lies in Kafka.
    """

    feed: str
    partition: int
    offset: int
    added: int
    alert_id: UUID
    revision: int
    kind: str
    value: bytes

    def __repr__(self) -> str:
        return f"Shelved({self.feed}, {self.partition}, {self.offset})"


class Shelf:
    """All feeds of a community, by feed, partition and offset."""

    def __init__(
        self, database: Database, topics: Topics, feeds: Iterable[str], eras: Eras | None = None
    ) -> None:
        self._eras = eras or Eras(database)
        self._sql = database.connection
        self._database = database
        self._partitions = topics.partitions
        self.topic_of = topics.feed
        self._feeds = {topics.feed(feed): feed for feed in feeds}
        self._added: dict[tuple[str, int], int] = {}
        self._horizons: dict[tuple[str, int], int] = {}
        self._firsts: dict[tuple[str, int], int] = {}
        self._changes: dict[str, asyncio.Event] = {}

    @property
    def topics(self) -> list[str]:
        """The topics that are shelved."""
        return list(self._feeds)

    def era(self, feed: str) -> int:
        """Return a number that changes when the topic of *feed* is made anew; 0 if unknown."""
        return self._eras.of(self.topic_of(feed))

    def after(self, feed: str, position: Mapping[int, int], limit: int) -> list[Shelved]:
        """Return what follows *position*, at most *limit*, partitions merged by `added`."""
        each = [self._from(feed, n, position.get(n, 0), limit) for n in range(self._partitions)]
        return list(heapq.merge(*each, key=lambda shelved: shelved.added))[:limit]

    def position_since(self, feed: str, moment_us: int) -> dict[int, int]:
        """Return where what was added after *moment_us* begins."""
        query = "SELECT min(offset) FROM shelved WHERE feed=? AND partition=? AND added>?"
        found = {}
        for number in range(self._partitions):
            (offset,) = self._sql.execute(query, (feed, number, moment_us)).fetchone()
            found[number] = self._end(feed, number) if offset is None else offset
        return found

    def first(self, feed: str, partition: int) -> int | None:
        """Return the oldest offset that Kafka has of a partition; None before it was asked."""
        return self._firsts.get((feed, partition))

    def begins(self, feed: str, position: Mapping[int, int]) -> tuple[dict[int, int], int]:
        """Return *position* without what is gone, and how much is; nothing of what it lacks."""
        firsts = {number: self.first(feed, number) or 0 for number in range(self._partitions)}
        stood = {number: position.get(number, first) for number, first in firsts.items()}
        found = {number: max(first, stood[number]) for number, first in firsts.items()}
        return found, sum(found[number] - stood[number] for number in found)

    def latest(self, feed: str, alert_id: UUID) -> Shelved | None:
        """Return the newest record of an alert in *feed*."""
        return self._one(feed, alert_id, "", ())

    def find(self, feed: str, alert_id: UUID, revision: int) -> Shelved | None:
        """Return the record of one revision in *feed*."""
        return self._one(feed, alert_id, " AND revision=?", (revision,))

    def all_of(self, feed: str, alert_id: UUID) -> list[Shelved]:
        """Return every record of an alert in *feed*, in its order."""
        query = f"SELECT {_COLUMNS} FROM shelved WHERE feed=? AND alert_id=? ORDER BY offset"  # noqa: S608
        return [_shelved(row) for row in self._sql.execute(query, (feed, alert_id.bytes))]

    def alerts(self, feed: str) -> list[UUID]:
        """Return the alerts of which *feed* has anything."""
        query = "SELECT DISTINCT alert_id FROM shelved WHERE feed=?"
        return [UUID(bytes=row[0]) for row in self._sql.execute(query, (feed,))]

    def horizon(self, feed: str) -> int:
        """Return the moment, microseconds, before which nothing will be shelved any more."""
        return min(self._horizons.get((feed, n), 0) for n in range(self._partitions))

    def next_change(self, feed: str) -> asyncio.Event:
        """Return what is set once something more is shelved; take it before looking."""
        return self._changes.setdefault(feed, asyncio.Event())

    def is_recorded(self, shelved: Shelved, shown: bytes) -> bool:
        """Whether the audit log says that *shelved* was served as *shown*."""
        query = "SELECT 1 FROM disclosed WHERE feed=? AND partition=? AND offset=? AND shown=?"
        row = (shelved.feed, shelved.partition, shelved.offset, shown)
        return self._sql.execute(query, row).fetchone() is not None

    def was_shown(self, feed: str, alert_id: UUID, revision: int) -> bool:
        """Whether anything of it was served: here, or wherever the audit log says so."""
        here = """SELECT 1 FROM disclosed JOIN shelved USING(feed, partition, offset)
            WHERE feed=? AND alert_id=? AND revision=? LIMIT 1"""
        told = """SELECT 1 FROM entry
            WHERE feed=? AND alert_id=? AND revision=? AND kind='DELIVERED' LIMIT 1"""
        asked = (feed, alert_id.bytes, revision)
        return any(self._sql.execute(query, asked).fetchone() for query in (here, told))

    def mark_recorded(self, served: Iterable[tuple[Shelved, bytes]]) -> None:
        """Remember that the audit log has what was served, and as what it was shown."""
        rows = [(each.feed, each.partition, each.offset, shown) for each, shown in served]
        with self._database.transaction() as sql:
            sql.executemany("INSERT OR IGNORE INTO disclosed VALUES(?,?,?,?)", rows)

    def dropped(self, partition: Target, first: int) -> None:
        """Drop what Kafka has dropped, too: by its word alone, never by this machine's clock."""
        row = (self._feeds[partition.topic], partition.partition, first)
        self._firsts[row[:2]] = first
        for table in ("shelved", "disclosed"):
            query = f"DELETE FROM {table} WHERE feed=? AND partition=? AND offset<?"  # noqa: S608
            self._database.writer.execute(query, row)

    async def note_recorded(self, served: Sequence[tuple[Shelved, bytes]]) -> None:
        """Do as `mark_recorded` does, off the event loop.

        Raises:
            StorageUnavailable: It will be recorded once more.
        """
        await self._database.off_loop(self.mark_recorded, list(served))

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Shelve *records* of one partition."""
        rows = [row for record in records if (row := self._row(record))]
        marks = ",".join("?" * 8)
        query = f"INSERT OR IGNORE INTO shelved VALUES({marks},0)"
        self._database.writer.executemany(query, rows)

    def forget(self, topic: str) -> None:
        """Empty a feed."""
        for table in ("shelved", "disclosed"):
            query = f"DELETE FROM {table} WHERE feed=?"  # noqa: S608 - names of our own
            self._database.writer.execute(query, (self._feeds[topic],))
        for number in range(self._partitions):
            self._firsts.pop((self._feeds[topic], number), None)

    def taken(self, topics: Iterable[str]) -> None:
        """Wake those who wait for these feeds."""
        for topic in topics:
            event = self._changes.pop(self._feeds[topic], None)
            if event is not None:
                event.set()

    def reached(self, partition: Target, polled_ms: int | None) -> None:
        """Move the horizon of a partition."""
        key = (self._feeds[partition.topic], partition.partition)
        last = self._last_added(*key)
        caught_up = polled_ms * 1000 - _CLOCKS_DIFFER_US if polled_ms else 0
        self._horizons[key] = max(self._horizons.get(key, 0), last, caught_up)

    def _row(self, record: ConsumerRecord) -> tuple[object, ...] | None:
        feed = self._feeds[record.topic]
        try:
            release = decode_trusted(record.value or b"", "release")
        except OF_BYTES as rejected:  # only route writes feeds; neighbours must flow
            where = {"feed": feed, "partition": record.partition, "offset": record.offset}
            log.error("release.unreadable", reason=rejected.reason.value, **where)  # noqa: TRY400
            return None
        added = self._next_added(feed, record.partition, record.timestamp * 1000)
        place = (feed, record.partition, record.offset, added)
        return (*place, release["alert_id"], release["revision"], release["kind"], record.value)

    def _next_added(self, feed: str, partition: int, moment_us: int) -> int:
        key, count = (feed, partition), self._partitions
        least = max(self._last_added(feed, partition) + 1, self._horizons.get(key, 0), moment_us)
        added = least + (partition - least) % count  # its own residue: no two partitions tie
        self._added[key] = added
        return added

    def _last_added(self, feed: str, partition: int) -> int:
        key = (feed, partition)
        if key not in self._added:
            query = "SELECT max(added) FROM shelved WHERE feed=? AND partition=?"
            self._added[key] = self._sql.execute(query, key).fetchone()[0] or 0
        return self._added[key]

    def _end(self, feed: str, partition: int) -> int:
        query = "SELECT max(offset) FROM shelved WHERE feed=? AND partition=?"
        (offset,) = self._sql.execute(query, (feed, partition)).fetchone()
        return 0 if offset is None else offset + 1

    def _from(self, feed: str, partition: int, offset: int, limit: int) -> Iterator[Shelved]:
        query = (
            f"SELECT {_COLUMNS} FROM shelved WHERE feed=? AND partition=? AND offset>=? "  # noqa: S608
            "ORDER BY offset LIMIT ?"
        )
        rows = self._sql.execute(query, (feed, partition, offset, limit))
        return map(_shelved, rows)

    def _one(self, feed: str, alert_id: UUID, more: str, values: tuple[int, ...]) -> Shelved | None:
        query = (
            f"SELECT {_COLUMNS} FROM shelved WHERE feed=? AND alert_id=?{more} "  # noqa: S608
            "ORDER BY revision DESC, offset DESC LIMIT 1"
        )
        row = self._sql.execute(query, (feed, alert_id.bytes, *values)).fetchone()
        return _shelved(row) if row else None


def _shelved(row: tuple[object, ...]) -> Shelved:
    feed, partition, offset, added, alert_id, revision, kind, value = row
    identity = UUID(bytes=alert_id)  # type: ignore[arg-type]
    return Shelved(feed, partition, offset, added, identity, revision, kind, value)  # type: ignore[arg-type]
