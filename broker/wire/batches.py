"""Record batches as they lie in a topic, unpacked within bounds.

aiokafka 0.14 unpacks a whole batch before anyone can look at its size. Here it becomes at most
`UNPACKED_BYTES`; `broker.wire.bounded_consumer` says what becomes of one that is beyond that.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatch

from broker.model.reason import Reason
from broker.wire.unpack import unpack

#: Base offset, length, leader epoch, magic, checksum, attributes, last offset delta, first and
#: largest timestamp, producer id, epoch and sequence, count of records (Apache Kafka
#: documentation, "Message Format", Record Batch).
_HEADER = struct.Struct(">qiibIhiqqqhii")
_MAGIC = 2
_MAGIC_AT = 16
_LENGTH_COVERS_FROM = 12
_LENGTH = struct.Struct(">i")
_ATTRIBUTES = struct.Struct(">h")
_ATTRIBUTES_AT = 21
_CODEC = 0x07


class Unreadable(bytes):
    """The value of a record that stands for a batch that cannot be read; as bytes, empty.

    Attributes:
        reason: BATCH_TOO_LARGE or BATCH_UNREADABLE.
        first_offset: Of the batch; the record's own offset is its last.
        original: The batch as it lies in the topic, packed.
    """

    reason: Reason
    first_offset: int
    original: bytes

    @classmethod
    def of(cls, reason: Reason, first_offset: int, original: bytes) -> Self:
        """Return what stands for the batch *original*."""
        made = cls()
        made.reason, made.first_offset, made.original = reason, first_offset, original
        return made

    def __repr__(self) -> str:
        return f"Unreadable({self.reason.value})"


class _Header(NamedTuple):
    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: int


class Batch:
    """One batch: what aiokafka's reader asks of it, unpacked when it is gone through.

    Attributes:
        original: As it lies in the topic.
        size: Bytes of its records; unpacked, once it is gone through.
    """

    def __init__(self, original: bytes) -> None:
        self.original = original
        self.size = len(original)
        self._header = _Header(*_HEADER.unpack_from(original))
        self._batch = DefaultRecordBatch(original)
        self.base_offset: int = self._header.base_offset
        self.next_offset: int = self.base_offset + self._header.last_offset_delta + 1
        self.producer_id: int = self._header.producer_id
        self.is_control_batch: bool = self._batch.is_control_batch
        self.is_transactional: bool = self._batch.is_transactional

    @property
    def share(self) -> int:
        """Bytes that one of its records takes, on average."""
        return self.size // max(1, self._header.records)

    @property
    def moment(self) -> tuple[int, int]:
        """Its largest timestamp, epoch milliseconds, and of which kind that is."""
        return self._header.max_timestamp, self._batch.timestamp_type

    def validate_crc(self) -> bool:
        """Whether its checksum is right."""
        return bool(self._batch.validate_crc())

    def __iter__(self) -> Iterator[Any]:
        self._batch = DefaultRecordBatch(self._unpacked())
        return iter(self._batch)

    def __next__(self) -> Any:
        return next(self._batch)  # of a control batch, which is never packed

    def _unpacked(self) -> bytes:
        codec = self._header.attributes & _CODEC
        if self._header.magic != _MAGIC:
            raise UnsupportedCodecError
        if codec == 0:
            return self.original
        records = unpack(codec, self.original[_HEADER.size :])
        self.size = len(records)
        made = bytearray(self.original[: _HEADER.size]) + records
        _LENGTH.pack_into(made, 8, len(made) - _LENGTH_COVERS_FROM)
        _ATTRIBUTES.pack_into(made, _ATTRIBUTES_AT, self._header.attributes & ~_CODEC)
        return bytes(made)


class Batches:
    """The batches in what a broker answered; a last one that is cut off is left out.

    Attributes:
        current: The batch that was taken last.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0
        self.current: Batch | None = None

    def size_in_bytes(self) -> int:
        """Return how many bytes the broker answered."""
        return len(self._content)

    def has_next(self) -> bool:
        """Whether there is one more."""
        return self._end() is not None

    def next_batch(self) -> Batch:
        """Take the next one."""
        end = self._end()
        assert end is not None
        self.current = Batch(self._content[self._at : end])
        self._at = end
        return self.current

    def _end(self) -> int | None:
        if self._at + _HEADER.size > len(self._content):
            return None
        (length,) = _LENGTH.unpack_from(self._content, self._at + 8)
        end = self._at + _LENGTH_COVERS_FROM + int(length)
        return end if self._at + _HEADER.size <= end <= len(self._content) else None
