"""Tell of records that were deleted unread: seen, counted, alarmed and audited."""

import hashlib
from collections.abc import Sequence

import structlog

from broker.metrics.registry import count_error
from broker.model.reason import Reason
from broker.wire import codec
from broker.wire.connection import Connection
from broker.wire.gaps import Gap
from broker.wire.producer import idempotent_producer
from broker.wire.topics import Topics

log = structlog.get_logger()


async def tell_lost(
    role: str, gaps: Sequence[Gap], connection: Connection, topics: Topics, now: int
) -> None:
    """Record *gaps* that *role* met, at *now* (epoch ms); return once the audit log has them.

    Met again after a restart, a gap has the same entry.

    Raises:
        KafkaError: The audit log may not have them; nothing behind a gap may be taken.
    """
    if not gaps:
        return
    for gap in gaps:
        count_error(role, Reason.RECORDS_LOST.value)
        where = {"topic": gap.topic, "partition": gap.partition, "offset": gap.offset}
        log.error("records.lost", role=role, next_offset=gap.next_offset, **where)
    producer = idempotent_producer(connection)
    await producer.start()
    try:
        for gap in gaps:
            await producer.send_and_wait(topics.audit, gap_entry(role, gap, topics, now))
    finally:
        await producer.stop()


def gap_entry(role: str, gap: Gap, topics: Topics, now: int) -> bytes:
    """Return the audit entry of a gap: which records of which topic *role* never saw."""
    identity = hashlib.sha256(f"GAP\n{role}\n{gap}".encode()).digest()[:16]
    entry = {
        "entry_id": identity,
        "kind": "GAP",
        "stage": role.upper(),
        "at": now,
        "source_topic": gap.topic,
        "source_partition": gap.partition,
        "source_offset": gap.offset,
        "recalled": [],
        "feed": topics.feed_of(gap.topic),
        "reason": Reason.RECORDS_LOST.value,
        "reference": f"next {gap.next_offset}",
    }
    return codec.encode("audit-entry", entry)
