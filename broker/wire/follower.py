"""Follow one topic in order, from its start or from where a group last stood."""

import asyncio
from collections.abc import AsyncIterator

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.connection import Connection
from broker.wire.gaps import Gap, new_placed_consumer
from broker.wire.welcome import denied, unavailable

log = structlog.get_logger()

_WAIT_MS = 500
_JOIN_ROUNDS = 300
_JOIN_ROUND_SECONDS = 0.1


class Follower:
    """A consumer that reads committed records only, and commits only when told.

    A place that Kafka no longer has is followed by the oldest that it has, and `met` tells of
    it: nothing is passed over in silence. Where reading begins with what comes, that place is
    committed at once, so that what comes between two runs is read by the second.

    Args:
        connection: The cluster.
        topic: What to follow.
        group: Whose position to start from and to commit; None keeps no position.
        from_start: Where to begin when there is no position: the start, or the end.
    """

    def __init__(
        self, connection: Connection, topic: str, group: str | None, *, from_start: bool
    ) -> None:
        self._connection = connection
        self._group = group
        self._consumer = new_placed_consumer(
            topic,
            **connection.options(),
            group_id=group,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        self._from_start = from_start
        self._begun: set[TopicPartition] = set()

    async def start(self) -> None:
        """Connect and join the group.

        Raises:
            KafkaUnavailable: No broker answers.
        """
        try:
            await self._consumer.start()
            if self._group is None:
                await self._begin()
        except KafkaError as error:
            await self._consumer.stop()
            raise await unavailable(self._connection, error) from None

    async def batches(self, *, to_end: bool) -> AsyncIterator[list[ConsumerRecord]]:
        """Yield records in batches, each of one partition, in its order.

        An empty batch says that `met` has something to tell.

        Args:
            to_end: Stop where the topic ended when this was called.

        Raises:
            KafkaRefused: The right to read was taken away.
            KafkaUnavailable: The records cannot be had.
        """
        ends = await self._ends() if to_end else {}
        while not to_end or await self._before(ends):
            fetched = await self._fetched()
            if self._consumer.has_met:
                yield []
            for records in fetched.values():
                yield records

    def met(self) -> list[Gap]:
        """Return the gaps met since this was last asked."""
        return self._consumer.met()

    @staticmethod
    def partition_of(record: ConsumerRecord | Gap) -> TopicPartition:
        """Return where *record* lies, or a gap."""
        return TopicPartition(record.topic, record.partition)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Remember that everything before *offsets* has been taken.

        A partition that another member of the group has taken over is passed over: that
        member hands the records out again.
        """
        if self._group is None or not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return
        except KafkaError as error:
            raise denied(error) or KafkaUnavailable(type(error).__name__) from None

    async def stop(self) -> None:
        """Leave the group and disconnect."""
        await self._consumer.stop()

    async def _fetched(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            await self._begin()
            fetched: dict[TopicPartition, list[ConsumerRecord]]
            fetched = await self._consumer.getmany(timeout_ms=_WAIT_MS)
        except KafkaError as error:
            raise denied(error) or KafkaUnavailable(type(error).__name__) from None
        # What was assigned meanwhile, and has not begun, is read again from where it begins.
        return {each: records for each, records in fetched.items() if each in self._begun}

    async def _begin(self) -> None:
        """Give each partition that is new to this reader the place where it begins."""
        assigned = self._consumer.assignment()
        self._begun &= assigned
        for partition in assigned - self._begun:
            kept = await self._consumer.committed(partition) if self._group else None
            if kept is not None:
                await self._go_on(partition, kept)
            elif self._from_start:
                await self._consumer.seek_to_beginning(partition)
            else:
                await self._begin_at_end(partition)
            self._begun.add(partition)

    async def _go_on(self, partition: TopicPartition, kept: int) -> None:
        first = (await self._consumer.beginning_offsets([partition]))[partition]
        end = (await self._consumer.end_offsets([partition]))[partition]
        if first <= kept <= end:
            self._consumer.seek(partition, kept)
        else:
            await self._consumer.pass_over(partition, kept)

    async def _begin_at_end(self, partition: TopicPartition) -> None:
        await self._consumer.seek_to_end(partition)
        end = await self._consumer.position(partition)
        if self._group is not None:
            log.info("position.begun", partition=partition.partition, at="end")
            await self.commit({partition: end})

    async def _ends(self) -> dict[TopicPartition, int]:
        for _ in range(_JOIN_ROUNDS):
            if assigned := self._consumer.assignment():
                ends: dict[TopicPartition, int] = await self._consumer.end_offsets(assigned)
                return ends
            await asyncio.sleep(_JOIN_ROUND_SECONDS)
        return {}  # others of the group hold every partition

    async def _before(self, ends: dict[TopicPartition, int]) -> bool:
        assigned = self._consumer.assignment()
        for partition, end in ends.items():
            if partition in assigned and (
                partition not in self._begun or await self._consumer.position(partition) < end
            ):
                return True
        return False
