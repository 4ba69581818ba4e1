"""Consumers in whose way no bad batch stands, and that can be stopped whatever they are at.

aiokafka 0.14 ends on a batch that it cannot read, at every attempt. Whoever may write into a
topic could so stop whoever reads it: by 33 kB of zstd that hold a gigabyte, or by the name of a
header that is no UTF-8, which the broker takes. Here a batch that is beyond the bounds, or that
cannot be read, becomes one record at its last offset, whose value is an `Unreadable`; what
stands before it and behind it is read as ever. Every consumer of Lali is made by `new_consumer`.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.structs import ConsumerRecord, TopicPartition

from broker.model.reason import Reason
from broker.wire.batches import Batch, Batches, Unreadable
from broker.wire.unpack import TooLarge

log = structlog.get_logger()

#: One poll takes no further record of a partition once so much was unpacked for it.
_POLL_BYTES = 8 << 20
#: A checksum that differs may be the network's doing, or the disk's: the batch is fetched so
#: often before it is passed over.
_ATTEMPTS = 3
_ATTEMPTS_KEPT = 1000

#: A consumer that has not left so soon is cut off: whoever waits for its end starts it anew.
STOP_SECONDS = 30.0

_attempts: Counter[tuple[TopicPartition, int]] = Counter()


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


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]
    """A consumer that can be stopped whatever it is at."""

    async def stop(self) -> None:
        """Leave the group and disconnect.

        aiokafka cancels its fetches and awaits them, and so lets their cancellation out where
        a broker hung: to its caller that looks as if somebody had cancelled the caller. And it
        waits for whatever is under way with the group: here no longer than a bound.
        """
        task = asyncio.current_task()
        asked = task.cancelling() if task else 0
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await super().stop()
        except TimeoutError:
            log.warning("consumer.cut_off")
            await self._end_fetches()
        except asyncio.CancelledError:
            if task is not None and task.cancelling() > asked:
                raise
            await self._end_fetches()

    async def _end_fetches(self) -> None:
        fetches = list(self._fetcher._pending_tasks) if self._fetcher else []  # noqa: SLF001
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        await self._client.close()


def new_consumer(*topics: str, **options: Any) -> Consumer:
    """Return a consumer that reads so; *options* are aiokafka's own."""
    read_bounded()
    return Consumer(*topics, **options)


def read_bounded() -> None:
    """Put the readers into aiokafka, for the whole process: nothing in it reads otherwise."""
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = Records
    fetcher.FetchResult = Result
