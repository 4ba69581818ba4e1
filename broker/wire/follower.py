"""Follow one topic in order, from its start or from where a group last stood."""

import asyncio
from collections.abc import AsyncIterator

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.bounded_consumer import new_consumer
from broker.wire.connection import Connection
from broker.wire.welcome import denied, unavailable

_WAIT_MS = 500
_JOIN_ROUNDS = 300
_JOIN_ROUND_SECONDS = 0.1


class Follower:
    """A consumer that reads committed records only, and commits only when told.

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
        self._consumer = new_consumer(
            topic,
            **connection.options(),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest" if from_start else "latest",
            isolation_level="read_committed",
        )

    async def start(self) -> None:
        """Connect and join the group.

        Raises:
            KafkaUnavailable: No broker answers.
        """
        try:
            await self._consumer.start()
        except KafkaError as error:
            await self._consumer.stop()
            raise await unavailable(self._connection, error) from None

    async def batches(self, *, to_end: bool) -> AsyncIterator[list[ConsumerRecord]]:
        """Yield records in batches, each of one partition, in its order.

        Args:
            to_end: Stop where the topic ended when this was called.

        Raises:
            KafkaRefused: The right to read was taken away.
            KafkaUnavailable: The records cannot be had.
        """
        ends = await self._ends() if to_end else {}
        while not to_end or await self._before(ends):
            for records in (await self._fetched()).values():
                yield records

    @staticmethod
    def partition_of(record: ConsumerRecord) -> TopicPartition:
        """Return where *record* lies."""
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
            fetched: dict[TopicPartition, list[ConsumerRecord]]
            fetched = await self._consumer.getmany(timeout_ms=_WAIT_MS)
        except KafkaError as error:
            raise denied(error) or KafkaUnavailable(type(error).__name__) from None
        return fetched

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
            if partition in assigned and await self._consumer.position(partition) < end:
                return True
        return False
