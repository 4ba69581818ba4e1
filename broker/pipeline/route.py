"""Route one alert: is it new, who may have it, who must give it back; write all of that.

Everything written for an alert goes into one outbox, and so into one transaction with the
alert's offset: releases, recalls, ledger entry, plan, audit entry, or the quarantine record
that stands in place of them.
"""

import hashlib
import time
from typing import NamedTuple
from uuid import UUID

import structlog

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.model.release import Release
from broker.pipeline.known import Decided, Known, KnownLabels, PlanOf
from broker.pipeline.ledger import Held, Holder, Ledger
from broker.pipeline.project import Projector, encode_moment, recall
from broker.policy.facts import Facts
from broker.wire import codec, record_bytes
from broker.wire.alert_bytes import read_head
from broker.wire.consumer import ConsumerRecord
from broker.wire.partition import Target
from broker.wire.producer import Outbox
from broker.wire.topics import Topics

log = structlog.get_logger()

#: Header that accept writes: partition and offset in the originator's intake topic.
INTAKE_HEADER = "lali-intake"

_RETAINED_AT_LEAST_MS = 86_400_000


class Source(NamedTuple):
    """Where an alert was published: its originator, partition and offset of the intake."""

    originator: str
    partition: int
    offset: int


class PartitionRouter:
    """Routes the alerts of one partition, in order.

    Attributes:
        ledger: The partition's ledger.
        counts: How many were decided, duplicates, refused; for status and logs.
    """

    def __init__(self, topics: Topics, partition: int, plan_of: PlanOf) -> None:
        self.ledger = Ledger()
        self.counts = {"decided": 0, "duplicate": 0, "refused": 0}
        self._topics = topics
        self._partition = partition
        self._known = KnownLabels(plan_of, topics, partition)
        self._ledger_target = Target(topics.ledger, partition)
        self._quarantine_target = Target(topics.quarantine, partition)
        self._audit_target = Target(topics.audit, 0)
        self._plans_target = Target(topics.plans, 0)
        self._plans_written: set[bytes] = set()
        self._plans_staged: set[bytes] = set()
        self._sources: dict[tuple[str, int], bytes] = {}
        self.begin(0)

    def begin(self, now: int) -> None:
        """Start a transaction at *now*, epoch milliseconds."""
        self._now = now
        self._at = encode_moment(now)

    def commit(self) -> None:
        """Take what was staged as written."""
        self.ledger.commit()
        self._plans_written |= self._plans_staged
        self._plans_staged.clear()

    def rollback(self) -> None:
        """Forget what was staged: the transaction did not come to pass."""
        self.ledger.rollback()
        self._plans_staged.clear()

    def take(self, record: ConsumerRecord, outbox: Outbox) -> None:
        """Route one record of `alerts` into *outbox*."""
        value = record.value
        alert_id, revision, expires_at, start = read_head(value)
        known = self._known.find(value, start)
        source = self._source(record, known)
        held = self.ledger.get(alert_id)
        digest = hashlib.sha256(value).digest()
        if held is not None:
            if held.revision == revision and held.digest == digest:
                self._record_duplicate(outbox, source, alert_id, held)
                return
            refusal = _refusal(held, known, revision)
            if refusal is not None:
                self.refuse(record, outbox, refusal)
                return
        decided = self._known.decided(known, self._facts(known, expires_at))
        if decided.failed:
            self.refuse(record, outbox, Reason.POLICY_ERROR)
            return
        self._write_plan(outbox, decided)
        alert = _Alert(value, record.key, alert_id, revision, digest, expires_at, start, source)
        if held is None and known.message_type != "CANCEL":
            self._write_first(outbox, alert, known, decided)
        else:
            self._write_later(outbox, alert, known, decided, held)
        self.ledger.stage_mark((source.originator, source.partition), source.offset)
        self.counts["decided"] += 1

    def refuse(self, record: ConsumerRecord, outbox: Outbox, reason: Reason) -> None:
        """Quarantine one record of `alerts`, untouched, with *reason*."""
        value = record.value
        alert_id, revision, _, start = read_head(value)
        known = self._known.find(value, start)
        source = self._source(record, known)
        log.error("alert.quarantined", reason=reason.value, alert_id=str(UUID(bytes=alert_id)))
        topic = self._topics.intake(source.originator)
        outbox.add(
            self._quarantine_target,
            record.key,
            codec.encode(
                "quarantine",
                {
                    "reason": reason.value,
                    "path": "",
                    "stage": "ROUTE",
                    "at": self._now,
                    "topic": topic,
                    "partition": source.partition,
                    "offset": source.offset,
                    "alert_id": alert_id,
                    "originator": source.originator,
                    "key": record.key,
                    "value": value,
                },
            ),
        )
        self._write_entry(outbox, "QUARANTINED", source, alert_id, revision, value, reason)
        self.ledger.stage_mark((source.originator, source.partition), source.offset)
        self.counts["refused"] += 1

    def close_books(self, outbox: Outbox) -> None:
        """Add what a transaction owes once: intake marks, and tombstones of the forgotten."""
        for (originator, partition), offset in self.ledger.staged_marks().items():
            key = f"intake/{originator}/{partition}".encode()
            mark = {"originator": originator, "intake_partition": partition, "offset": offset}
            outbox.add(self._ledger_target, key, codec.encode("intake-mark", mark))
        for alert_id in self.ledger.sweep(self._now):
            outbox.add(self._ledger_target, str(UUID(bytes=alert_id)).encode(), None)

    def _facts(self, known: Known, expires_at: int) -> Facts:
        return Facts(expires_at <= self._now, known.embargo_until > self._now)

    def _source(self, record: ConsumerRecord, known: Known) -> Source:
        for name, position in record.headers:
            if name == INTAKE_HEADER:
                partition, _, offset = position.partition(b":")
                return Source(known.originator, int(partition), int(offset))
        return Source(known.originator, record.partition, record.offset)

    def _source_bytes(self, source: Source) -> bytes:
        key = (source.originator, source.partition)
        constant = self._sources.get(key)
        if constant is None:
            topic = self._topics.intake(source.originator)
            constant = record_bytes.encode_topic_partition(topic, source.partition)
            self._sources[key] = constant
        return record_bytes.encode_source(constant, source.offset)

    def _write_plan(self, outbox: Outbox, decided: Decided) -> None:
        digest = decided.plan.digest
        if digest not in self._plans_written and digest not in self._plans_staged:
            outbox.add(self._plans_target, digest.hex().encode(), decided.plan_record)
            self._plans_staged.add(digest)

    def _write_first(self, outbox: Outbox, alert: "_Alert", known: Known, decided: Decided) -> None:
        """Write a first revision: nobody holds anything, so most bytes are known before."""
        projector = self._projector(alert, known)
        for audience in decided.audiences:
            release = projector.project(audience.mask, audience.acknowledge)
            for target in audience.targets:
                outbox.add(target, alert.key, release.value)
        present = projector.present
        tail, holders = self._known.ledger_tail(known, decided, present, alert.revision)
        self._write_ledger(outbox, alert, known, present, tail)
        entry = record_bytes.encode_decided(
            alert.alert_id,
            alert.revision,
            alert.digest,
            self._at,
            self._source_bytes(alert.source),
            present,
            decided.audit_tail,
        )
        outbox.add(self._audit_target, alert.key, entry)
        self._stage(alert, known, holders, cancelled=False)

    def _write_later(
        self, outbox: Outbox, alert: "_Alert", known: Known, decided: Decided, held: Held | None
    ) -> None:
        """Write an update or a cancel: decided anew, and recalled from who may no longer."""
        cancelled = known.message_type == "CANCEL"
        projector = self._projector(alert, known)
        holders = {h.feed: h for h in held.holders} if held else {}
        released: set[str] = set()
        for audience in () if cancelled else decided.audiences:
            release = projector.project(audience.mask, audience.acknowledge)
            for feed, target in zip(audience.feeds, audience.targets, strict=True):
                outbox.add(target, alert.key, release.value)
                holders[feed] = Holder(feed, alert.revision, release.profile, recalled=False)
                released.add(feed)
        recalled = [h for h in holders.values() if not h.recalled and h.feed not in released]
        for holder in recalled:
            holders[holder.feed] = holder._replace(revision=alert.revision, recalled=True)
            back = recall(alert.alert_id, alert.revision, self._at)
            outbox.add(self._known.feed_target(holder.feed), alert.key, back.value)
        kept = tuple(sorted(holders.values()))
        present = projector.present
        tail_record = {
            "originator": known.originator,
            "cancelled": cancelled,
            "plan_digest": decided.plan.digest,
            "holders": [holder._asdict() for holder in kept],
        }
        tail = record_bytes.encode_tail("ledger-entry", "present", tail_record)
        self._write_ledger(outbox, alert, known, present, tail)
        self._write_decided(
            outbox, alert, known, decided, sorted(h.feed for h in recalled), present
        )
        self._stage(alert, known, self.ledger.share(kept), cancelled=cancelled)

    def _projector(self, alert: "_Alert", known: Known) -> Projector:
        label_end = alert.start + known.label_length
        slots_start = alert.start + known.length
        return Projector(alert.value, alert.revision, label_end, slots_start, self._at)

    def _stage(
        self, alert: "_Alert", known: Known, holders: tuple[Holder, ...], *, cancelled: bool
    ) -> None:
        held = Held(
            alert.revision,
            alert.digest,
            known.originator,
            cancelled,
            self._retain_until(alert, known),
            holders,
        )
        self.ledger.stage(alert.alert_id, held)

    def _retain_until(self, alert: "_Alert", known: Known) -> int:
        return max(alert.expires_at, self._now + known.retention_ms) + _RETAINED_AT_LEAST_MS

    def _write_ledger(
        self, outbox: Outbox, alert: "_Alert", known: Known, present: int, tail: bytes
    ) -> None:
        label_end = alert.start + known.label_length
        entry = record_bytes.encode_ledger(
            alert.alert_id,
            alert.revision,
            alert.digest,
            alert.expires_at,
            self._retain_until(alert, known),
            alert.value[codec.FRAME_BYTES : label_end],
            alert.value[label_end : alert.start + known.length],
            present,
            tail,
        )
        outbox.add(self._ledger_target, alert.key, entry)

    def _write_decided(
        self,
        outbox: Outbox,
        alert: "_Alert",
        known: Known,
        decided: Decided,
        recalled: list[str],
        present: int,
    ) -> None:
        entry = {
            "entry_id": alert.digest[:16],
            "kind": "DECIDED",
            "stage": "ROUTE",
            "at": self._now,
            "alert_id": alert.alert_id,
            "revision": alert.revision,
            "alert_digest": alert.digest,
            "source_topic": self._topics.intake(alert.source.originator),
            "source_partition": alert.source.partition,
            "source_offset": alert.source.offset,
            "recalled": recalled,
            "present": present,
            "originator": known.originator,
            "message_type": known.message_type,
            "bundle_digest": decided.plan.bundle_digest,
            "plan_digest": decided.plan.digest,
        }
        outbox.add(self._audit_target, alert.key, codec.encode("audit-entry", entry))

    def _record_duplicate(
        self, outbox: Outbox, source: Source, alert_id: bytes, held: Held
    ) -> None:
        key = (source.originator, source.partition)
        if source.offset <= self.ledger.mark(key):
            return  # accept repeated itself after a crash: handled before, recorded before
        self._write_entry(outbox, "DUPLICATE", source, alert_id, held.revision, None, None)
        self.ledger.stage_mark(key, source.offset)
        self.counts["duplicate"] += 1

    def _write_entry(
        self,
        outbox: Outbox,
        kind: str,
        source: Source,
        alert_id: bytes,
        revision: int,
        value: bytes | None,
        reason: Reason | None,
    ) -> None:
        topic = self._topics.intake(source.originator)
        identity = f"{kind}\n{topic}\n{source.partition}\n{source.offset}"
        entry = {
            "entry_id": hashlib.sha256(identity.encode()).digest()[:16],
            "kind": kind,
            "stage": "ROUTE",
            "at": self._now,
            "alert_id": alert_id,
            "revision": revision,
            "alert_digest": hashlib.sha256(value).digest() if value else None,
            "source_topic": topic,
            "source_partition": source.partition,
            "source_offset": source.offset,
            "recalled": [],
            "originator": source.originator,
            "reason": reason.value if reason else None,
        }
        key = str(UUID(bytes=alert_id)).encode()
        outbox.add(self._audit_target, key, codec.encode("audit-entry", entry))


class _Alert(NamedTuple):
    value: bytes
    key: bytes
    alert_id: bytes
    revision: int
    digest: bytes
    expires_at: int
    start: int
    source: Source


def _refusal(held: Held, known: Known, revision: int) -> Reason | None:
    if held.originator != known.originator:
        return Reason.ORIGINATOR_CHANGED
    if revision < held.revision:
        return Reason.REVISION_LOWER
    if revision == held.revision:
        return Reason.REVISION_CONFLICT
    return Reason.ALREADY_CANCELLED if held.cancelled else None


def epoch_ms() -> int:
    """Return the present moment, epoch milliseconds."""
    return time.time_ns() // 1_000_000


__all__ = ["INTAKE_HEADER", "PartitionRouter", "Rejected", "Release", "epoch_ms"]
