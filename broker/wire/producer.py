"""Producers: a plain idempotent one, and a transactional one that keeps the seven rules.

aiokafka 0.14 commits a transaction although a batch in it failed for good, speaks no
KIP-447, and leaves a producer unusable after most faults (notes in docs/operating.md). So:
one transactional producer per input partition; every send awaited and checked before the
commit; any failure throws the producer away; producers are renewed long before 2^31 records.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from broker.errors import KafkaUnavailable
from broker.wire.bounded_producer import Producer
from broker.wire.connection import Connection
from broker.wire.outbox import Outbox
from broker.wire.topics import ALERT_BYTES

#: Room for one transaction's share of a partition. A record larger than this goes alone.
BATCH_BYTES = 512 << 10
#: The broker aborts a transaction left open this long; readers wait for no longer.
TRANSACTION_TIMEOUT_MS = 15_000
#: Sequence numbers wrap at 2^31 and aiokafka wraps them wrongly.
RENEW_AFTER_RECORDS = 1 << 29


#: Attribute of a record batch: its records are as they are.
_NO_COMPRESSION = 0

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)


_TIMEOUTS = frozenset({"TimeoutError", "KafkaTimeoutError", "RequestTimedOutError"})


class TransactionFailed(Exception):
    """Nothing of the transaction will be read; the producer is gone.

    Attributes:
        for_good: Trying the same records again cannot help: one is too large.
        timed_out: It took too long; it may have come to pass all the same.
    """

    def __init__(self, code: str, *, for_good: bool) -> None:
        super().__init__(code)
        self.for_good = for_good
        self.timed_out = code in _TIMEOUTS


class TopicsUnwritable(TransactionFailed):
    """Some of its topics are not there, or may not be written.

    Attributes:
        topics: Their names.
        spent: The producer is gone; otherwise nothing was begun, and it is as it was.
    """

    def __init__(self, topics: frozenset[str], *, spent: bool) -> None:
        super().__init__("TOPICS_UNWRITABLE", for_good=False)
        self.topics = topics
        self.spent = spent


class TransactionalProducer:
    """One transactional producer: start it once, commit many times, then throw it away."""

    def __init__(self, connection: Connection, transactional_id: str) -> None:
        self._producer = AIOKafkaProducer(
            **connection.options(),
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=8 * ALERT_BYTES,
            compression_type="zstd",
            linger_ms=0,
        )
        self._timeout = TRANSACTION_TIMEOUT_MS / 1000
        self._sent = 0
        self._topics: set[str] = set()

    async def start(self) -> None:
        """Connect and fence every earlier producer of the same id.

        Raises:
            KafkaError: The cluster did not answer.
        """
        async with asyncio.timeout(2 * self._timeout):
            await self._producer.start()

    @property
    def worn(self) -> bool:
        """Whether it should be replaced by a new one before its sequence numbers wrap."""
        return self._sent > RENEW_AFTER_RECORDS

    def outbox(self) -> Outbox:
        """Return an empty outbox for one transaction."""
        return Outbox(self._producer.create_batch, _sealed_batch)

    async def commit(
        self, outbox: Outbox, source: TopicPartition, next_offset: int | None, group: str
    ) -> None:
        """Write everything in *outbox* and the offset, if there is one, or nothing.

        Raises:
            TopicsUnwritable: Some topics cannot be written; it says which.
            TransactionFailed: It did not come to pass. Throw this producer away.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._commit(outbox, source, next_offset, group)
        except TopicsUnwritable:
            raise
        except TopicAuthorizationFailedError as error:
            raise TopicsUnwritable(_topics_in(error), spent=True) from None
        except _TOO_LARGE as error:
            raise TransactionFailed(type(error).__name__, for_good=True) from None
        except Exception as error:  # noqa: BLE001
            # aiokafka answers faults of its own state with many types, AssertionError too.
            raise TransactionFailed(type(error).__name__, for_good=False) from None
        self._sent += outbox.records

    async def _commit(
        self, outbox: Outbox, source: TopicPartition, next_offset: int | None, group: str
    ) -> None:
        batches = list(outbox.batches())
        await self._know({target.topic for target, _ in batches})
        if unwritable := self._absent(target for target, _ in batches):
            raise TopicsUnwritable(unwritable, spent=False)
        await self._producer.begin_transaction()
        refused = self._producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
        sent = []
        for target, batch in batches:
            future = await self._producer.send_batch(
                batch, target.topic, partition=target.partition
            )
            future.add_done_callback(_look_at)
            sent.append(future)
        # aiokafka would commit over a failed batch: look at every result first.
        for outcome in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise _said_first(refused) or outcome
        if next_offset is not None:
            await self._producer.send_offsets_to_transaction({source: next_offset}, group)
        await self._producer.commit_transaction()

    async def _know(self, topics: set[str]) -> None:
        """Learn of all topics at once: asked one by one, hundreds of feeds take seconds."""
        if not topics <= self._topics:
            self._topics |= topics
            await self._producer.client.set_topics(self._topics)

    async def may_write(self, target: TopicPartition) -> bool:
        """Whether the cluster shows *target* to this producer now."""
        self._topics.add(target.topic)
        async with asyncio.timeout(self._timeout):
            await self._producer.client.set_topics(self._topics)
            await self._producer.client.force_metadata_update()
        return not self._absent([target])

    def _absent(self, targets: Iterable[TopicPartition]) -> frozenset[str]:
        """Return the topics of those *targets* that the cluster does not have, or not show."""
        cluster = self._producer.client.cluster
        return frozenset(
            target.topic
            for target in targets
            if target.partition not in (cluster.partitions_for_topic(target.topic) or ())
        )

    async def discard(self) -> None:
        """Let go of it, whatever state it is in; the broker aborts what it left open."""
        try:
            async with asyncio.timeout(5):
                await self._producer.stop()
        except (KafkaError, TimeoutError, OSError, AssertionError):
            # A producer that failed may fail to stop; the next one of its id fences it.
            return


def _said_first(refused: "asyncio.Future[object]") -> BaseException | None:
    """Return why the transaction as a whole was refused, if it was.

    Where one topic may not be written, the coordinator takes none. aiokafka notes that, and sends
    the batches all the same; what they answer (INVALID_TXN_STATE) does not say which topic it is.
    """
    return refused.exception() if refused.done() and not refused.cancelled() else None


def _topics_in(error: TopicAuthorizationFailedError) -> frozenset[str]:
    """Return the topics that *error* names: one, or a set of them."""
    named = error.args[0] if error.args else frozenset()
    return frozenset([named] if isinstance(named, str) else named)


def _sealed_batch() -> BatchBuilder:
    return BatchBuilder(BATCH_BYTES, _NO_COMPRESSION, is_transactional=True)


async def send_in_order(producer: Producer, outbox: Outbox) -> None:
    """Write everything in *outbox*; in each partition no batch before the last one is there.

    So after a failure nothing is written behind a gap.

    Raises:
        KafkaError: Something was not written.
    """
    queues: dict[TopicPartition, list[object]] = {}
    for target, batch in outbox.batches():
        queues.setdefault(target, []).append(batch)

    async def send(target: TopicPartition, batches: list[object]) -> None:
        for batch in batches:
            sent = await producer.send_batch(batch, target.topic, partition=target.partition)
            await sent

    await asyncio.gather(*(send(target, batches) for target, batches in queues.items()))


def _look_at(future: "asyncio.Future[object]") -> None:
    # After one failure nobody waits for the others; asyncio would print their tracebacks.
    if not future.cancelled():
        future.exception()


def idempotent_producer(connection: Connection) -> Producer:
    """Return a producer for stages without transactions: acks=all, no duplicates by retry."""
    return Producer(**idempotent_options(connection), linger_ms=5)


def idempotent_options(connection: Connection) -> dict[str, Any]:
    """Return what every producer without transactions is made with."""
    return {
        **connection.options(),
        "enable_idempotence": True,
        "acks": "all",
        "max_batch_size": BATCH_BYTES,
        "max_request_size": 8 * ALERT_BYTES,
        "compression_type": "zstd",
    }


async def start_producer(producer: Producer) -> None:
    """Connect *producer*.

    Raises:
        KafkaUnavailable: No broker answers.
    """
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise KafkaUnavailable(type(error).__name__) from None
