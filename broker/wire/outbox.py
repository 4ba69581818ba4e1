"""The records of one transaction, each built and compressed once however many topics get it.

A release that several feeds receive is the same bytes for all of them. Their batches differ
only in the header that names producer and sequence, so one batch is built, and each feed
gets a copy with its own header (docs/decisions/0007).
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.record.util import calc_crc32c

#: Record batch, magic 2 (Apache Kafka documentation, "Message Format", Record Batch): where
#: the checksum stands, what it covers, and where producer id, epoch and sequence stand.
_CRC_AT = 17
_CRC_COVERS_FROM = 21
_PRODUCER_AT = 43
_CRC = struct.Struct(">I")
_PRODUCER = struct.Struct(">qhi")

#: aiokafka's record builder takes a list and nothing else.
_NO_HEADERS: list[tuple[str, bytes]] = []


class Fanout:
    """Partitions that receive the same records. Compared by identity: make one of each.

    Attributes:
        targets: The partitions.
    """

    __slots__ = ("targets",)

    def __init__(self, *targets: TopicPartition) -> None:
        self.targets = targets


class Outbox:
    """The records of one transaction, built before it begins.

    Args:
        new_batch: Makes an empty batch, compressed when it is built.
        new_sealed_batch: Makes one that is not: sealed bytes do not compress.

    Attributes:
        records: How many will be written, copies included.
        size: Bytes of their values before compression, copies included.
    """

    def __init__(
        self, new_batch: Callable[[], Any], new_sealed_batch: Callable[[], Any] | None = None
    ) -> None:
        self._new_batch = new_batch
        self._new_sealed_batch = new_sealed_batch or new_batch
        self._full: list[tuple[Fanout, Any]] = []
        self._open: dict[Fanout, Any] = {}
        self._open_sealed: dict[Fanout, _SealedBatch] = {}
        self.records = 0
        self.size = 0

    def add(
        self,
        fanout: Fanout,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]] = _NO_HEADERS,
    ) -> None:
        """Add one record for every target of *fanout*; a null *value* is a tombstone."""
        batch = self._open.get(fanout) or self._renew(fanout)
        if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            # An empty batch takes any record; the broker then says if it is too large.
            self._renew(fanout).append(timestamp=None, key=key, value=value, headers=headers)
        copies = len(fanout.targets)
        self.records += copies
        if value:
            self.size += copies * len(value)

    def add_sealed(self, fanout: Fanout, key: bytes, value: bytes, ends: Sequence[bytes]) -> None:
        """Add one record for every target of *fanout* that differs only in its end.

        Args:
            fanout: The targets.
            key: The record's key.
            value: Its value, ending in as many bytes as each of *ends* has.
            ends: For each target, what stands there in its copy.
        """
        batch = self._open_sealed.get(fanout) or self._renew_sealed(fanout)
        if not batch.append(key, value, ends):
            self._renew_sealed(fanout).append(key, value, ends)
        copies = len(fanout.targets)
        self.records += copies
        self.size += copies * len(value)

    def seal(self) -> None:
        """Let everything added so far come before what is added from now on.

        Within one fanout that is so anyhow; between fanouts that share a target it is not.
        """
        self._full += self._open.items()
        self._full += self._open_sealed.items()
        self._open.clear()
        self._open_sealed.clear()

    def batches(self) -> Iterator[tuple[TopicPartition, Any]]:
        """Yield what was built, batches of each partition in order."""
        self.seal()
        for fanout, batch in self._full:
            if isinstance(batch, _SealedBatch):
                yield from batch.copies(fanout)
                continue
            batch.close()
            if len(fanout.targets) == 1:
                yield fanout.targets[0], batch
            else:
                master = _Master(batch)
                yield from ((target, _Copy(master)) for target in fanout.targets)

    def _renew(self, fanout: Fanout) -> Any:
        filled = self._open.get(fanout)
        if filled is not None:
            self._full.append((fanout, filled))
        batch = self._open[fanout] = self._new_batch()
        return batch

    def _renew_sealed(self, fanout: Fanout) -> "_SealedBatch":
        filled = self._open_sealed.get(fanout)
        if filled is not None:
            self._full.append((fanout, filled))
        batch = self._open_sealed[fanout] = _SealedBatch(self._new_sealed_batch())
        return batch


class _SealedBatch:
    """A batch whose copies differ in the last bytes of each record's value."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._positions: list[int] = []
        self._ends: list[Sequence[bytes]] = []

    def append(self, key: bytes, value: bytes, ends: Sequence[bytes]) -> bool:
        appended = self._builder.append(timestamp=None, key=key, value=value, headers=_NO_HEADERS)
        if appended is None:
            return False
        # The value ends just before the record's count of headers, which is one byte: none.
        self._positions.append(self._builder.size() - 1 - len(ends[0]))
        self._ends.append(ends)
        return True

    def copies(self, fanout: Fanout) -> Iterator[tuple[TopicPartition, "_Copy"]]:
        self._builder.close()
        master = _Master(self._builder)
        for number, target in enumerate(fanout.targets):
            own = [ends[number] for ends in self._ends]
            yield target, _Copy(master, list(zip(self._positions, own, strict=True)))


class _Master:
    """A closed batch, built when the first copy is wanted."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch
        self._content: bytes | None = None
        self.records = batch.record_count()
        self.size = batch.size()

    def content(self) -> bytes:
        if self._content is None:
            self._content = bytes(self._batch._build())  # noqa: SLF001 - aiokafka's seam
        return self._content


class _Copy:
    """One target's copy of a batch: what aiokafka asks of its own batch builder."""

    def __init__(self, master: _Master, ends: Sequence[tuple[int, bytes]] = ()) -> None:
        self._master = master
        self._ends = ends
        self._producer = (-1, -1, 0)
        self._built: bytearray | None = None

    def _set_producer_state(self, producer_id: int, epoch: int, base_sequence: int) -> None:
        self._producer = (producer_id, epoch, base_sequence)

    def _build(self) -> bytearray:
        if self._built is None:
            built = bytearray(self._master.content())
            for position, end in self._ends:
                built[position : position + len(end)] = end
            _PRODUCER.pack_into(built, _PRODUCER_AT, *self._producer)
            crc = calc_crc32c(memoryview(built)[_CRC_COVERS_FROM:])
            _CRC.pack_into(built, _CRC_AT, crc)
            self._built = built
        return self._built

    def record_count(self) -> int:
        return int(self._master.records)

    def size(self) -> int:
        return int(self._master.size)

    def close(self) -> None:
        """Closed from the start."""

    def closed(self) -> bool:
        return True
