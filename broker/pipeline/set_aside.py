"""Set aside what could not be accepted: the original sealed, the reason beside it, an entry.

The same input gives the same entry id, however often accept repeats itself.
"""

import hashlib
from collections.abc import Mapping
from uuid import UUID

import structlog

from broker.errors import Rejected
from broker.protect.original import kept_original
from broker.protect.register import RegisterOf
from broker.wire import codec
from broker.wire.alert_bytes import read_head
from broker.wire.batches import Unreadable
from broker.wire.consumer import ConsumerRecord
from broker.wire.outbox import Fanout, Outbox
from broker.wire.partition import Target
from broker.wire.topics import Topics

log = structlog.get_logger()

#: Frame, id, and three of the longest integers that a head may hold; what is longer is none.
_HEAD_BYTES = 64
#: The largest that the schema's int holds.
_LAST_REVISION = (1 << 31) - 1


class SetAside:
    """Writes quarantine records and their audit entries for accept.

    Args:
        topics: The topics.
        originators: The unit of each intake topic.
        register: Keys to seal originals with; None where protection is off.
    """

    def __init__(
        self, topics: Topics, originators: Mapping[str, str], register: RegisterOf | None
    ) -> None:
        self._topics = topics
        self._originators = originators
        self._register = register
        numbers = range(topics.partitions)
        self._quarantines = [Fanout(Target(topics.quarantine, n)) for n in numbers]
        self._audit = Fanout(Target(topics.audit, 0))

    def write(self, record: ConsumerRecord, outbox: Outbox, rejected: Rejected, at: int) -> None:
        """Set *record* aside at *at*, epoch milliseconds.

        Raises:
            Rejected: KEY_UNKNOWN: the hub has no key; nothing may be set aside open.
        """
        log.warning("alert.quarantined", reason=rejected.reason.value, path=rejected.path)
        alert_id = _alert_id_of(record.key)
        where = f"{record.topic}/{record.partition}/{record.offset}"
        # Of a batch that cannot be unpacked, what lies in the topic is kept.
        value = record.value
        original = value.original if isinstance(value, Unreadable) else value
        kept = {
            "reason": rejected.reason.value,
            "path": rejected.path,
            "stage": "ACCEPT",
            "at": at,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "alert_id": alert_id,
            "originator": self._originators[record.topic],
            **kept_original(self._register, where, record.key, original),
        }
        entry = self._entry(record, rejected, alert_id, at)
        key = str(UUID(bytes=alert_id)).encode() if alert_id else None
        fanout = self._quarantines[record.partition % self._topics.partitions]
        encoded = codec.encode("quarantine", kept), codec.encode("audit-entry", entry)
        outbox.add(fanout, key, encoded[0])
        outbox.add(self._audit, key, encoded[1])

    def _entry(
        self, record: ConsumerRecord, rejected: Rejected, alert_id: bytes | None, at: int
    ) -> codec.Record:
        identity = f"QUARANTINED\n{record.topic}\n{record.partition}\n{record.offset}"
        return {
            "entry_id": hashlib.sha256(identity.encode()).digest()[:16],
            "kind": "QUARANTINED",
            "stage": "ACCEPT",
            "at": at,
            "alert_id": alert_id,
            "revision": _revision_of(record.value, alert_id),
            "source_topic": record.topic,
            "source_partition": record.partition,
            "source_offset": record.offset,
            "recalled": [],
            "originator": self._originators[record.topic],
            "reason": rejected.reason.value,
            "path": rejected.path,
        }


def _alert_id_of(key: bytes | None) -> bytes | None:
    """Return the alert id in a record's key where it has one; a key may be anything."""
    try:
        return UUID((key or b"").decode("ascii")).bytes
    except (ValueError, UnicodeDecodeError):
        return None


def _revision_of(value: bytes | None, alert_id: bytes | None) -> int | None:
    """Return the revision that a record says it is, where it says so of the alert in its key.

    So that its originator learns which one: the record may be refused for anything, and be
    read nevertheless as far as its head.
    """
    try:
        said, revision, _, _ = read_head((value or b"")[:_HEAD_BYTES])
    except (IndexError, ValueError):
        return None
    return revision if said == alert_id and 0 < revision <= _LAST_REVISION else None
