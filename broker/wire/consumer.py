"""Consumers: what a stage reads with, and the explicit gate between assignment and reading.

aiokafka hands out records before `on_partitions_assigned` has finished, and only logs what
that callback raises. So the callbacks here just note what changed, and the stage's own loop
opens each partition before it takes a record of it; until then its records are passed over
and read again from the committed offset.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.connection import Connection
from broker.wire.gaps import GapConsumer, new_gap_consumer

__all__ = [
    "LOG_APPEND_TIME",
    "PATIENT_MS",
    "Consumer",
    "ConsumerRecord",
    "Gate",
    "NotOurs",
    "commit_as_owner",
    "group_consumer",
    "remade_record",
]


#: A consumer of a group, for annotations outside this package.
Consumer = GapConsumer

#: Type of the moment in a record that its broker dated, and not its writer.
LOG_APPEND_TIME = 1

#: A recipient may be away for days: a delivery that waits is no dead consumer. Heartbeats
#: still prove that the process lives.
PATIENT_MS = 7 * 86_400_000


def group_consumer(
    connection: Connection, group: str, max_poll_interval_ms: int = 300_000
) -> GapConsumer:
    """Return a consumer of *group*, not yet started or subscribed.

    Args:
        connection: The cluster.
        group: The group.
        max_poll_interval_ms: It leaves the group when it reads nothing for so long.
    """
    return new_gap_consumer(
        **connection.options(),
        group_id=group,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=50,
        session_timeout_ms=connection.session_timeout_ms,
        heartbeat_interval_ms=connection.session_timeout_ms // 5,
        metadata_max_age_ms=30_000,
        max_poll_interval_ms=max_poll_interval_ms,
    )


class NotOurs(Exception):
    """Another member of the group has the partition, or may have."""


async def commit_as_owner(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, timeout_seconds: float
) -> None:
    """Commit *offset*: the coordinator takes it from the partition's owner only.

    Raises:
        NotOurs: It did not take it.
        KafkaUnavailable: It did not answer.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            await consumer.commit({partition: offset})
    except (CommitFailedError, IllegalStateError):
        raise NotOurs from None
    except (KafkaError, TimeoutError) as error:
        raise KafkaUnavailable(type(error).__name__) from None


def remade_record(
    topic: str, partition: int, timestamp: int, key: bytes, value: bytes
) -> ConsumerRecord:
    """Return a record as it would be read, of something that is kept elsewhere; offset -1."""
    return ConsumerRecord(
        topic, partition, -1, timestamp, 0, key, value, None, len(key), len(value), ()
    )


class Gate(ConsumerRebalanceListener):  # type: ignore[misc]
    """Which partitions are assigned, and which of them the stage has opened.

    Args:
        on_revoked: Awaited before the group is rejoined; must finish or give up what runs.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        on_revoked: Callable[[set[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._consumer = consumer
        self._on_revoked = on_revoked
        self._closed: set[TopicPartition] = set()
        self._open: set[TopicPartition] = set()
        self.turning = asyncio.Lock()

    def waiting(self) -> set[TopicPartition]:
        """Return the partitions assigned and not yet opened."""
        return set(self._closed)

    def is_open(self, partition: TopicPartition) -> bool:
        """Whether records of *partition* may be taken."""
        return partition in self._open

    def open(self, partition: TopicPartition) -> None:
        """Let records of *partition* through, from its present position."""
        if partition in self._closed:
            self._closed.discard(partition)
            self._open.add(partition)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Close the gate, then wait until what runs has ended."""
        gone = set(revoked)
        self._open -= gone
        self._closed -= gone
        async with self.turning:
            await self._on_revoked(gone)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note what was assigned; nothing is taken of it until the stage opens it."""
        self._closed = set(assigned)
        self._open = set()
