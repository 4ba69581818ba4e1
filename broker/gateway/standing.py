"""What an originator may know of its own alert: its state, and how many hold and answered it.

Counts only: which units receive it is not told here, and nothing of what they know.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog

from broker.audit.log import AuditEntry, read_entry
from broker.errors import OF_BYTES
from broker.gateway.database import Database
from broker.gateway.feeds_aside import FeedsAside, row_of
from broker.gateway.notes import Note, Notes, newest_first
from broker.gateway.ownership import Ownership
from broker.model.reason_words import words_of
from broker.model.standing import AlertStanding, RevisionStanding, State
from broker.pipeline.holding import Holding
from broker.pipeline.holdings import Holdings
from broker.wire.consumer import ConsumerRecord
from broker.wire.partition import Target

log = structlog.get_logger()

#: Kinds of entries that say something to an originator.
_TOLD = frozenset(
    {"DECIDED", "QUARANTINED", "DUPLICATE", "DELIVERED", "RECEIVED", "ACKNOWLEDGED",
     "ACTED_UPON", "REFUSED", "ERASED"}
)  # fmt: skip


#: A recall that was delivered, as the gateway's own file has it.
_RECALL_TAKEN = "RECALL_TAKEN"


class Standings:
    """Follows the audit log, and remembers what this gateway published.

    Args:
        database: The gateway's file.
        holdings: The ledger, followed.
        partitions: Of each topic.

    Attributes:
        ownership: Whose an alert is.
    """

    def __init__(self, database: Database, holdings: Holdings, partitions: int = 1) -> None:
        self._database = database
        self._sql = database.connection
        self._notes = Notes(database)
        self._aside = FeedsAside(database, partitions)
        self.ownership = Ownership(database, holdings)

    def note_published(self, unit: str, alerts: Iterable[tuple[UUID, int]], at: int) -> None:
        """Remember that *unit* published *alerts*: until accept has them nothing else does.

        At once and in memory: Kafka has them, whatever becomes of the gateway's own file.
        """
        self._notes.add(Note(alert_id, revision, unit, at) for alert_id, revision in alerts)

    async def keep_notes(self) -> None:
        """Put what was noted into the gateway's file, until cancelled."""
        await self._notes.keep()

    def of(self, alert_id: UUID, unit: str, now: int) -> AlertStanding | None:
        """Return what *unit* may know of an alert, or None if it is none of its own.

        Whoever published under another's id is told of its own publication alone. Whether an
        alert is another's or nobody's takes the same look-ups, and no more: nothing of the alert
        itself is read before it is known that *unit* published under its id.
        """
        noted = self._notes.of(alert_id, unit)
        query = "SELECT 1 FROM entry WHERE alert_id=? AND originator=? LIMIT 1"
        decided = self._sql.execute(query, (alert_id.bytes, unit)).fetchone()
        if not noted and decided is None:
            return None
        owns = self.ownership.owns(alert_id, unit)
        query = "SELECT kind, revision, at, feed, originator, message_type, reason, path"
        rows = self._sql.execute(f"{query} FROM entry WHERE alert_id=?", (alert_id.bytes,))
        entries = [row for row in rows if row[4] == unit or (owns and row[4] is None)]
        holding = self.ownership.holding(alert_id, unit)
        waiting = self._waiting(alert_id, holding, entries)
        return _standing(alert_id, holding, entries, noted, now, waiting)

    def _waiting(
        self, alert_id: UUID, holding: Holding | None, entries: Iterable[tuple[object, ...]]
    ) -> Sequence[str]:
        """Return why feeds that an alert is for do not have it yet, one reason a feed."""
        if holding is None:
            return ()
        decided = {int(str(row[1])): int(str(row[2])) for row in entries if row[0] == "DECIDED"}
        return list(self._aside.waiting(alert_id, holding, decided).values())

    def own(self, unit: str, limit: int) -> list[tuple[UUID, int]]:
        """Return the latest alerts of *unit*, newest first, with when each was first seen.

        That is in epoch milliseconds, and at most *limit* alerts are returned.
        """
        query = """
            SELECT alert_id, MIN(at) AS first FROM (
              SELECT alert_id, at FROM published WHERE unit=?1
              UNION ALL SELECT alert_id, at FROM entry WHERE originator=?1)
            GROUP BY alert_id ORDER BY first DESC, alert_id LIMIT ?2"""
        rows = self._sql.execute(query, (unit, limit))
        kept = [(UUID(bytes=alert_id), first) for alert_id, first in rows]
        return newest_first([*kept, *self._notes.by(unit)])[:limit]

    def taken_before(self, unit: str, first: bytes, end: bytes) -> frozenset[UUID]:
        """Return the alerts of *unit* that route took, with ids from *first* to before *end*."""
        query = (
            "SELECT DISTINCT alert_id FROM entry WHERE alert_id>=? AND alert_id<? "
            "AND originator=? AND kind='DECIDED'"
        )
        rows = self._sql.execute(query, (first, end, unit))
        return frozenset(UUID(bytes=alert_id) for (alert_id,) in rows)

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Take entries of the audit log."""
        entries = [entry for record in records if (entry := _read(record))]
        rows = [_row(entry) for entry in entries if entry.kind in _TOLD and entry.alert_id]
        rows += [row for entry in entries if (row := row_of(entry)) is not None]
        erased = [(row[1],) for row in rows if row[2] == "ERASED"]
        query = "DELETE FROM shelved WHERE alert_id=? AND kind='RELEASE'"
        sql = self._database.writer
        sql.executemany(query, erased)  # its recalls stay: who holds it must learn of them
        marks = ",".join("?" * 10)
        sql.executemany(f"INSERT OR IGNORE INTO entry VALUES({marks})", rows)

    def forget(self, topic: str) -> None:  # noqa: ARG002 - there is one
        """Empty what came from the audit log."""
        self._database.writer.execute("DELETE FROM entry")

    def taken(self, topics: Iterable[str]) -> None:
        """Nobody waits for it."""

    def dropped(self, partition: Target, first: int) -> None:
        """Keep what was learnt: how an alert fares is asked for longer than the log is kept."""

    def reached(self, partition: Target, polled_ms: int | None) -> None:
        """No order beside the log's own is kept."""


def _read(record: ConsumerRecord) -> AuditEntry | None:
    try:
        return read_entry(record.value or b"")
    except OF_BYTES as rejected:
        log.error("audit.unreadable", offset=record.offset, reason=rejected.reason.value)  # noqa: TRY400
        return None


def _row(entry: AuditEntry) -> tuple[object, ...]:
    assert entry.alert_id is not None
    at = int(entry.at.timestamp() * 1000)
    is_recall = entry.kind == "DELIVERED" and entry.release_kind == "RECALL"
    kind = _RECALL_TAKEN if is_recall else entry.kind
    head = (entry.entry_id, entry.alert_id.bytes, kind, entry.revision, at, entry.feed)
    return (*head, entry.originator, entry.message_type, entry.reason, entry.path)


def _standing(
    alert_id: UUID,
    holding: Holding | None,
    entries: Sequence[tuple[object, ...]],
    noted: Sequence[tuple[int, int]],
    now: int,
    waiting: Sequence[str],
) -> AlertStanding:
    feeds: dict[object, set[object]] = {}
    for kind, _, _, feed, *_ in entries:
        feeds.setdefault(kind, set()).add(feed)
    count = {kind: len(each) for kind, each in feeds.items()}
    shares = Counter(share.recalled for share in holding.shares.values()) if holding else Counter()
    revisions = _revisions(entries, noted)
    return AlertStanding(
        alert_id=alert_id,
        state=_state(holding, revisions, now, erased="ERASED" in feeds),
        revisions=revisions,
        feeds=shares[False],
        waiting=len(waiting),
        waiting_for=tuple(sorted(set(waiting))),
        recalled=shares[True],
        recalls_taken=_recalls_taken(holding, entries),
        delivered=count.get("DELIVERED", 0),
        received=count.get("RECEIVED", 0),
        acknowledged=count.get("ACKNOWLEDGED", 0),
        acted_upon=count.get("ACTED_UPON", 0),
        refused=count.get("REFUSED", 0),
    )


def _recalls_taken(holding: Holding | None, entries: Sequence[tuple[object, ...]]) -> int:
    """Return how many feeds have taken the recall that ended their share."""
    taken = {(feed, revision) for kind, revision, _, feed, *_ in entries if kind == _RECALL_TAKEN}
    shares = holding.shares.items() if holding else ()
    return sum((feed, share.revision) in taken for feed, share in shares if share.recalled)


_STATES = {"DECIDED": "ACCEPTED", "QUARANTINED": "QUARANTINED", "DUPLICATE": "DUPLICATE"}


def _revisions(
    entries: Sequence[tuple[object, ...]], noted: Sequence[tuple[int, int]]
) -> tuple[RevisionStanding, ...]:
    told = [
        _revision(revision or 0, _STATES[str(kind)], at, message_type, reason, path)
        for kind, revision, at, _, _, message_type, reason, path in entries
        if kind in _STATES
    ]
    known = {each.revision for each in told}
    told += [_revision(n, "PUBLISHED", at, None, None, None) for n, at in noted if n not in known]
    return tuple(sorted(told, key=lambda each: (each.revision, each.at)))


def _revision(
    revision: object, state: str, at: object, message_type: object, reason: object, path: object
) -> RevisionStanding:
    assert isinstance(at, int)
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return RevisionStanding.model_validate(
        {"revision": revision, "state": state, "at": moment, "message_type": message_type,
         "reason": reason, "path": path,
         "explanation": words_of(str(reason)) if reason else None}
    )  # fmt: skip


def _state(
    holding: Holding | None, revisions: Sequence[RevisionStanding], now: int, *, erased: bool
) -> State:
    if erased:
        return "ERASED"
    if holding is None:
        quarantined = any(each.state == "QUARANTINED" for each in revisions)
        return "QUARANTINED" if quarantined else "PUBLISHED"
    if holding.cancelled:
        return "CANCELLED"
    return "EXPIRED" if holding.expires_at <= now else "ACCEPTED"
