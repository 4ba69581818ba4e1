"""Read the audit log: entries without repetitions, and the plans that they name."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from broker.errors import Rejected
from broker.model.decision import Outcome, Plan, Verdict
from broker.model.reason import Reason
from broker.wire import codec
from broker.wire.connection import Connection
from broker.wire.plan_codec import decode_plan
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

#: What an entry of kind DECIDED always has.
_DECISION = ("alert_id", "revision", "message_type", "bundle_digest", "plan_digest")
_PLAN_ROUNDS = 20
_PLAN_ROUND_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What happened, without content. Fields that do not apply are None."""

    entry_id: bytes
    kind: str
    stage: str
    at: datetime
    alert_id: UUID | None
    revision: int | None
    source: tuple[str, int, int] | None
    recalled: tuple[str, ...]
    present: int | None
    originator: str | None
    message_type: str | None
    bundle_digest: bytes | None
    plan_digest: bytes | None
    feed: str | None
    release_kind: str | None
    compartments: int | None
    reason: str | None
    path: str | None
    reference: str | None
    attempts: int | None
    credential: str | None = None


@dataclass(slots=True)
class AuditLog:
    """All entries in the order of the topic, and the plans that they name.

    Attributes:
        repeated: Entries that stand there more than once, and count once.
        unreadable: Records left out: no entry, or a decision whose plan is nowhere. No role of
            Lali writes such a record.
    """

    entries: list[AuditEntry] = field(default_factory=list)
    plans: dict[bytes, Plan] = field(default_factory=dict)
    repeated: int = 0
    unreadable: int = 0

    def of(self, *kinds: str) -> Iterator[AuditEntry]:
        """Yield the entries of these kinds."""
        return (entry for entry in self.entries if entry.kind in kinds)

    def outcomes(self, entry: AuditEntry) -> dict[str, tuple[str, Outcome]]:
        """Return what a DECIDED entry means for each feed.

        Returns:
            Feed to ``released``, ``withheld``, ``recalled``, or ``narrowed``: released, behind
            a recall of what it held; and the outcome behind it.

        Raises:
            KeyError: The plan that the entry names is not in the log.
        """
        assert entry.plan_digest is not None
        found = {}
        for group in self.plans[entry.plan_digest].groups:
            for recipient in group.recipients:
                found[recipient.feed] = _meaning(entry, recipient.feed, group.outcome)
        for feed in entry.recalled:  # a holder whose feed is no longer active
            found.setdefault(feed, ("recalled", _CANCELLED))
        return found


_CANCELLED = Outcome(Verdict.WITHHOLD, 0, (), Reason.CANCELLED)


def _meaning(entry: AuditEntry, feed: str, outcome: Outcome) -> tuple[str, Outcome]:
    recalled = feed in entry.recalled
    if entry.message_type == "CANCEL":
        return ("recalled" if recalled else "withheld", _CANCELLED)
    if outcome.verdict is Verdict.RELEASE:
        return ("narrowed" if recalled else "released", outcome)
    return ("recalled" if recalled else "withheld", outcome)


async def read_audit(connection: Connection, topics: Topics) -> AuditLog:
    """Read the whole audit log as it stands now, and every plan that it names."""
    log = AuditLog()
    seen: set[bytes] = set()
    async for record in read_to_end(connection, [topics.audit]):
        entry = _readable(record.value)
        if entry is None:
            log.unreadable += 1
            continue
        if entry.entry_id in seen:
            log.repeated += 1
            continue
        seen.add(entry.entry_id)
        log.entries.append(entry)
    # Plans after entries: route goes on, and an entry is never without its plan. A transaction
    # may show in one topic a moment before it shows in another, so what is missing is awaited.
    await _read_plans(connection, topics, log)
    for _ in range(_PLAN_ROUNDS):
        if _named(log) <= log.plans.keys():
            break
        await asyncio.sleep(_PLAN_ROUND_SECONDS)
        await _read_plans(connection, topics, log)
    _leave_out_what_has_no_plan(log)
    return log


async def _read_plans(connection: Connection, topics: Topics, log: AuditLog) -> None:
    missing = _named(log) - log.plans.keys()
    async for record in read_to_end(connection, [topics.plans]):
        # A plan's name is its digest, so nothing that no entry names need be understood.
        digest = hashlib.sha256(record.value or b"").digest()
        if digest in missing and (plan := _plan(record.value)):
            log.plans[digest] = plan


def _plan(value: bytes) -> Plan | None:
    try:
        return decode_plan(value)
    except (Rejected, ValueError, KeyError, TypeError):
        return None


def _leave_out_what_has_no_plan(log: AuditLog) -> None:
    kept = [e for e in log.entries if e.plan_digest is None or e.plan_digest in log.plans]
    log.unreadable += len(log.entries) - len(kept)
    log.entries = kept


def _named(log: AuditLog) -> set[bytes]:
    return {entry.plan_digest for entry in log.entries if entry.plan_digest is not None}


def _readable(value: bytes | None) -> AuditEntry | None:
    """Return the entry in a record, or None: what somebody else wrote must not stop a reader."""
    try:
        return read_entry(value)
    except Rejected:
        return None


def read_entry(value: bytes | None) -> AuditEntry:
    """Return the entry in a record of the audit topic.

    Raises:
        Rejected: It is none.
    """
    record = codec.decode(value, "audit-entry")
    alert_id = record["alert_id"]
    topic = record["source_topic"]
    source = (topic, record["source_partition"], record["source_offset"]) if topic else None
    same: dict[str, Any] = {
        name: record.get(name)
        for name in AuditEntry.__dataclass_fields__
        if name not in ("alert_id", "source", "recalled")
    }
    entry = AuditEntry(
        alert_id=UUID(bytes=alert_id) if alert_id else None,
        source=source,
        recalled=tuple(record["recalled"]),
        **same,
    )
    if entry.kind == "DECIDED" and any(getattr(entry, name) is None for name in _DECISION):
        raise Rejected(Reason.FIELD_MISSING)
    return entry
