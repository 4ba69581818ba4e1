"""What route writes beside releases: ledger, plans, audit, quarantine and intake marks.

All of it goes into the outbox of the transaction that moves the alert's offset.
"""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog

from broker.model.reason import Reason
from broker.pipeline.accepted import Accepted
from broker.pipeline.known import Decided, Known
from broker.pipeline.ledger import Holder, IntakeKey
from broker.pipeline.project import encode_moment
from broker.protect.original import kept_original
from broker.protect.register import RegisterOf
from broker.wire import codec, record_bytes
from broker.wire.consumer import ConsumerRecord
from broker.wire.outbox import Fanout, Outbox
from broker.wire.partition import Target
from broker.wire.topics import Topics

log = structlog.get_logger()


class RouteRecords:
    """Writes route's records of one partition.

    Args:
        topics: The topics.
        partition: Its number.
        register: Keys to seal originals with; None where protection is off.

    Attributes:
        now: Epoch ms of the transaction under way.
        at: The same, encoded.
    """

    def __init__(self, topics: Topics, partition: int, register: RegisterOf | None = None) -> None:
        self._topics = topics
        self._register = register
        self._ledger = Fanout(Target(topics.ledger, partition))
        self._quarantine = Fanout(Target(topics.quarantine, partition))
        self._audit = Fanout(Target(topics.audit, 0))
        self._plans = Fanout(Target(topics.plans, 0))
        self._sources: dict[IntakeKey, bytes] = {}
        self.begin(0)

    def begin(self, now: int) -> None:
        """Start a transaction at *now*, epoch milliseconds."""
        self.now = now
        self.at = encode_moment(now)

    def plan(self, outbox: Outbox, decided: Decided) -> None:
        """Write a plan, under its digest."""
        outbox.add(self._plans, decided.plan.digest.hex().encode(), decided.plan_record)

    def ledger_entry(
        self,
        outbox: Outbox,
        alert: Accepted,
        known: Known,
        retain_until: int,
        tail: bytes,
    ) -> None:
        """Write what the ledger keeps of *alert*, ending in *tail*."""
        entry = record_bytes.encode_ledger(
            alert.alert_id,
            alert.revision,
            alert.digest,
            alert.expires_at,
            retain_until,
            alert.value[codec.FRAME_BYTES : alert.start + known.label_length],
            tail,
        )
        outbox.add(self._ledger, alert.key, entry)

    def first_decided(self, outbox: Outbox, alert: Accepted, originator: str, tail: bytes) -> None:
        """Write that a first revision was decided, ending in *tail*."""
        entry = record_bytes.encode_decided(
            alert.alert_id,
            alert.revision,
            alert.digest,
            self.at,
            self._source(originator, alert),
            tail,
        )
        outbox.add(self._audit, alert.key, entry)

    def later_decided(
        self,
        outbox: Outbox,
        alert: Accepted,
        known: Known,
        decided: Decided,
        recalled: list[str],
        present: int,
        *,
        cancels: bool,
    ) -> None:
        """Write that a later revision was decided, and who must give it back.

        What is taken as a cancel is recorded as one: it discloses nothing, whatever its plan says.
        """
        entry = {
            **self._entry(alert.digest[:16], "DECIDED", known.originator, alert),
            "alert_digest": alert.digest,
            "recalled": recalled,
            "present": present,
            "message_type": "CANCEL" if cancels else known.message_type,
            "bundle_digest": decided.plan.bundle_digest,
            "plan_digest": decided.plan.digest,
        }
        outbox.add(self._audit, alert.key, codec.encode("audit-entry", entry))

    def duplicate(self, outbox: Outbox, alert: Accepted, originator: str) -> None:
        """Write that the same revision was published once more."""
        topic = self._topics.intake(originator)
        identity = _identity("DUPLICATE", topic, alert.partition, alert.offset)
        entry = self._entry(identity, "DUPLICATE", originator, alert)
        outbox.add(self._audit, alert.key, codec.encode("audit-entry", entry))

    def quarantined(self, outbox: Outbox, alert: Accepted, originator: str, reason: Reason) -> None:
        """Set an alert aside, untouched.

        Raises:
            Rejected: KEY_UNKNOWN: the hub has no key; nothing may be set aside open.
        """
        topic = self._topics.intake(originator)
        alert_id = str(UUID(bytes=alert.alert_id))
        log.error("alert.quarantined", reason=reason.value, alert_id=alert_id)
        kept = {
            **self._kept(topic, alert.partition, alert.offset, alert.key, alert.value, reason),
            "alert_id": alert.alert_id,
            "originator": originator,
        }
        outbox.add(self._quarantine, alert.key, codec.encode("quarantine", kept))
        identity = _identity("QUARANTINED", topic, alert.partition, alert.offset)
        entry = {
            **self._entry(identity, "QUARANTINED", originator, alert),
            "alert_digest": alert.digest,
            "reason": reason.value,
        }
        outbox.add(self._audit, alert.key, codec.encode("audit-entry", entry))

    def unreadable(self, outbox: Outbox, record: ConsumerRecord, reason: Reason) -> None:
        """Set aside a record of `alerts` that cannot be read as an alert.

        Raises:
            Rejected: As `quarantined`.
        """
        log.error("alert.quarantined", reason=reason.value, offset=record.offset)
        position = (record.topic, record.partition, record.offset)
        kept = self._kept(*position, record.key, record.value, reason)
        # Its key was never checked and may be anything: it is kept within, and keys nothing.
        outbox.add(self._quarantine, None, codec.encode("quarantine", kept))
        entry = {
            "entry_id": _identity("QUARANTINED", *position),
            "kind": "QUARANTINED",
            "stage": "ROUTE",
            "at": self.now,
            "source_topic": record.topic,
            "source_partition": record.partition,
            "source_offset": record.offset,
            "recalled": [],
            "reason": reason.value,
        }
        outbox.add(self._audit, None, codec.encode("audit-entry", entry))

    def intake_mark(self, outbox: Outbox, key: IntakeKey, offset: int) -> None:
        """Write how far an originator's intake partition is handled."""
        originator, partition = key
        mark = {"originator": originator, "intake_partition": partition, "offset": offset}
        name = f"intake/{originator}/{partition}".encode()
        outbox.add(self._ledger, name, codec.encode("intake-mark", mark))

    def forgotten(self, outbox: Outbox, alert_id: bytes, holders: Iterable[Holder]) -> None:
        """Remove an alert from the ledger, with the delivery marks of who held it."""
        name = str(UUID(bytes=alert_id))
        outbox.add(self._ledger, name.encode(), None)
        for holder in holders:
            outbox.add(self._ledger, f"{name}/{holder.feed}".encode(), None)

    def _source(self, originator: str, alert: Accepted) -> bytes:
        key = (originator, alert.partition)
        constant = self._sources.get(key)
        if constant is None:
            topic = self._topics.intake(originator)
            constant = record_bytes.encode_topic_partition(topic, alert.partition)
            self._sources[key] = constant
        return record_bytes.encode_source(constant, alert.offset)

    def _entry(
        self, entry_id: bytes, kind: str, originator: str, alert: Accepted
    ) -> dict[str, Any]:
        return {
            "entry_id": entry_id,
            "kind": kind,
            "stage": "ROUTE",
            "at": self.now,
            "alert_id": alert.alert_id,
            "revision": alert.revision,
            "source_topic": self._topics.intake(originator),
            "source_partition": alert.partition,
            "source_offset": alert.offset,
            "recalled": [],
            "originator": originator,
        }

    def _kept(
        self,
        topic: str,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        reason: Reason,
    ) -> dict[str, Any]:
        return {
            "reason": reason.value,
            "path": "",
            "stage": "ROUTE",
            "at": self.now,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            # What lies on `alerts` may be open: nobody vouches for what accept did not write.
            **kept_original(self._register, f"{topic}/{partition}/{offset}", key, value),
        }


def _identity(kind: str, topic: str, partition: int, offset: int) -> bytes:
    # The same event gives the same entry id, however often it is written.
    return hashlib.sha256(f"{kind}\n{topic}\n{partition}\n{offset}".encode()).digest()[:16]
