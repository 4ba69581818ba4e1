"""Record batches as consumers take them: bounded, and no bad one stands in the way of others.

aiokafka 0.14 unpacks a whole batch before anyone can look at its size, and ends on one that it
cannot read, at every attempt. Whoever may write into a topic could so stop whoever reads it:
by 33 kB of zstd that hold a gigabyte, or by the name of a header that is no UTF-8, which the
broker takes. Here a batch is unpacked within bounds. One that is beyond them, or that cannot
be read, becomes one record at its last offset, whose value is an `Unreadable`; what stands
before it and behind it is read as ever.

Every consumer of Lali is made by `new_consumer`.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import ConsumerRecord, TopicPartition

from broker.model.reason import Reason
from broker.wire.unpack import TooLarge, unpack

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
#: One poll takes no further record of a partition once so much was unpacked for it.
_POLL_BYTES = 8 << 20
#: A checksum that differs may be the network's doing, or the disk's: the batch is fetched so
#: often before it is passed over.
_ATTEMPTS = 3
_ATTEMPTS_KEPT = 1000

_attempts: Counter[tuple[TopicPartition, int]] = Counter()


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


class Records(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records in an answer; a batch that cannot be read becomes one of them.

    Attributes:
        share: Bytes that the last record took.
    """

    share = 0

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        while True:
            try:
                for record in super()._unpack_records():
                    self.share = self._records.current.share
                    yield record
            except (CorruptRecordException, UnsupportedCodecError, ValueError, IndexError) as fault:
                # What stands behind the batch is read in the next round.
                batch: Batch = self._records.current
                self._try_again_first(batch)
                yield self._standing_for(batch, fault)
                self.next_fetch_offset = batch.next_offset
            else:
                return

    def _try_again_first(self, batch: Batch) -> None:
        """Have a damaged batch fetched again, some times.

        Raises:
            CorruptRecordException: Fetch it again.
        """
        if Batch(batch.original).validate_crc():
            return
        place = (self._tp, batch.base_offset)
        _attempts[place] += 1
        if _attempts[place] < _ATTEMPTS:
            raise CorruptRecordException("CRC")
        if len(_attempts) > _ATTEMPTS_KEPT:
            _attempts.clear()

    def _standing_for(self, batch: Batch, fault: Exception) -> ConsumerRecord:
        large = isinstance(fault, TooLarge)
        reason = Reason.BATCH_TOO_LARGE if large else Reason.BATCH_UNREADABLE
        value = Unreadable.of(reason, batch.base_offset, batch.original)
        offset = max(batch.next_offset - 1, self.next_fetch_offset)
        self.share = len(batch.original)
        place = (self._tp.topic, self._tp.partition, offset)
        return ConsumerRecord(*place, *batch.moment, None, value, None, -1, 0, ())


class Result(fetcher.FetchResult):  # type: ignore[misc]
    """What was fetched of one partition; one poll takes a bounded part of it."""

    _partition_records: Records | None

    def getall(self, max_records: int | None = None) -> list[ConsumerRecord]:
        """Return the next records, at most *max_records*, and few where they are large."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        taken: list[ConsumerRecord] = []
        size = 0
        source = self._partition_records
        assert source is not None
        for record in source:
            taken.append(record)
            size += source.share
            if size >= _POLL_BYTES or len(taken) == max_records:
                self._update_position()
                return taken
        self._update_position()
        self._partition_records = None
        return taken


def new_consumer(*topics: str, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer that reads so; *options* are aiokafka's own.

    The readers are put into aiokafka for the whole process: nothing in it reads otherwise.
    """
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = Records
    fetcher.FetchResult = Result
    return AIOKafkaConsumer(*topics, **options)
