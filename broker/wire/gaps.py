"""Group consumers that notice what was deleted before they had read it.

Kafka deletes records when a topic's retention ends, read or not. aiokafka then goes on at the
oldest, or at the newest, without a word: alerts, releases and recalls vanish. Here the reader is
told from where to where nothing can be read any more, and goes on at the oldest there is.
"""

from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import OffsetResetStrategy
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from broker.wire.bounded_consumer import Consumer, read_bounded


class Gap(NamedTuple):
    """Records of a partition that its reader never saw, and never will.

    Attributes:
        offset: The first of them. Beyond `next_offset` where the topic was made anew, and counts
            from its beginning again: of how many were lost nothing is known then.
        next_offset: Where reading goes on.
    """

    topic: str
    partition: int
    offset: int
    next_offset: int

    @property
    def at_most(self) -> int | None:
        """How many there were at most: ends of transactions count, too. None: not known."""
        return self.next_offset - self.offset if self.offset < self.next_offset else None


class GapConsumer(Consumer):
    """A consumer of a group that never jumps in silence; where its group never was, it begins."""

    def __init__(self, *topics: str, **options: Any) -> None:
        super().__init__(*topics, auto_offset_reset="none", **options)
        self._gaps: list[Gap] = []

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Any]]:
        """Return records, as aiokafka does; none where a gap was met, which `met` then tells."""
        new: set[TopicPartition] = set()
        while True:
            try:
                fetched: dict[TopicPartition, list[Any]] = await super().getmany(
                    *partitions, timeout_ms=0 if new else timeout_ms, max_records=max_records
                )
            except NoOffsetForPartitionError as error:
                new.add(error.args[0])
            except OffsetOutOfRangeError as gone:
                self._begin(new)
                for partition, offset in gone.args[0].items():
                    await self.pass_over(partition, offset)
                return {}
            else:
                self._begin(new)
                return fetched

    def _begin(self, new: set[TopicPartition]) -> None:
        """Have *new* partitions read from their beginnings, and wait for none of them.

        Accept reads hundreds, and a broker that has just come back needs seconds for each: one
        after the other they would hold up what waits in the others for minutes.
        """
        if begun := new & self.assignment():
            self._fetcher.request_offset_reset(begun, OffsetResetStrategy.EARLIEST)

    @property
    def has_met(self) -> bool:
        """Whether `met` has anything to tell."""
        return bool(self._gaps)

    def met(self) -> list[Gap]:
        """Return the gaps met since this was last asked."""
        gaps, self._gaps = self._gaps, []
        return gaps

    async def pass_over(self, partition: TopicPartition, offset: int) -> None:
        """Note that nothing is at *offset* any more, and go on at the oldest there is."""
        first = (await self.beginning_offsets([partition]))[partition]
        self.seek(partition, first)
        self._gaps.append(Gap(partition.topic, partition.partition, offset, first))


class PlacedConsumer(GapConsumer):
    """As `GapConsumer`, for a reader that gives each partition the place where it begins."""

    def _begin(self, new: set[TopicPartition]) -> None:
        """Do nothing: the reader has given them their places meanwhile, or will."""


def new_placed_consumer(*topics: str, **options: Any) -> PlacedConsumer:
    """Return a `PlacedConsumer`; *options* are aiokafka's own."""
    read_bounded()
    return PlacedConsumer(*topics, **options)


def new_gap_consumer(*topics: str, **options: Any) -> GapConsumer:
    """Return a consumer that notices gaps; *options* are aiokafka's own."""
    read_bounded()
    return GapConsumer(*topics, **options)
