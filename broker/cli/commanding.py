"""Send deliver a command about a feed, and have the audit log say who did, and why."""

import asyncio
import hashlib
import re
from uuid import UUID

from broker.app import Parts, make_parts
from broker.clock import epoch_ms
from broker.errors import SettingsInvalid
from broker.pipeline.feed_commands import key_of_command
from broker.settings import load_settings
from broker.wire import codec
from broker.wire.partition import partition_of
from broker.wire.producer import idempotent_producer, start_producer

#: Who gives a command: a name of a person or desk, which the audit log keeps.
By = str
#: Why: a code, never a sentence, as the audit log holds no text about anybody.
Why = str

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def parts_for(feed: str) -> Parts:
    """Return the parts of a deployment that has *feed*.

    Raises:
        SettingsInvalid: There is no such feed, or the cluster has another number of partitions.
        KafkaUnavailable: The cluster does not answer.
    """
    parts = make_parts(load_settings())
    if feed not in parts.community.feeds:
        raise SettingsInvalid(f"there is no feed {feed}")
    asyncio.run(parts.compare("command"))
    return parts


async def command(
    parts: Parts, feed: str, action: str, by: str, reason: str,
    letter: tuple[int, int] | None = None, alert_id: UUID | None = None,
) -> None:  # fmt: skip
    """Write what is wanted of *feed* into the ledger, once the audit log has it.

    Raises:
        SettingsInvalid: Who or why is not said as it must be.
        KafkaUnavailable: The cluster does not answer, or does not let us.
    """
    if not _NAME.fullmatch(by):
        raise SettingsInvalid("--by: a name of letters, digits and hyphens")
    if not _CODE.fullmatch(reason):
        raise SettingsInvalid("--reason: a code of capital letters, digits and underscores")
    record: codec.Record = {
        "feed": feed,
        "action": action,
        "partition": letter[0] if letter else None,
        "offset": letter[1] if letter else None,
        "alert_id": alert_id.bytes if alert_id else None,
        "by": by,
        "reason": reason,
        "at": epoch_ms(),
    }
    producer = idempotent_producer(parts.connection("command"))
    await start_producer(producer)
    try:
        entry = codec.encode("audit-entry", _entry(record))
        await producer.send_and_wait(parts.topics.audit, entry)
        await producer.send_and_wait(
            parts.topics.ledger,
            codec.encode("feed-command", record),
            key=key_of_command(record),
            partition=_partition(parts, record),
        )
    finally:
        await producer.stop()


def _partition(parts: Parts, record: codec.Record) -> int:
    if record["alert_id"] is not None:
        key = str(UUID(bytes=record["alert_id"])).encode()
        return partition_of(key, parts.topics.partitions)
    return int(record["partition"] or 0)


def _entry(record: codec.Record) -> codec.Record:
    about = "\n".join(str(record[name]) for name in ("action", "feed", "partition", "offset"))
    identity = f"COMMAND\n{about}\n{record['alert_id']}\n{record['by']}\n{record['at']}"
    return {
        "entry_id": hashlib.sha256(identity.encode()).digest()[:16],
        "kind": "CHANGE_APPLIED",
        "stage": "OFFICER",
        "at": record["at"],
        "alert_id": record["alert_id"],
        "recalled": [],
        "feed": record["feed"],
        "reason": record["reason"],
        "reference": f"FEED_{record['action']}",
        "officer": record["by"],
    }
