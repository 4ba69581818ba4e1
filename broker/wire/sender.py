"""Send single records and know where they came to lie: for publishers outside the pipeline."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError
from aiokafka.structs import RecordMetadata

from broker.errors import KafkaUnavailable, Rejected
from broker.model.reason import Reason
from broker.wire.bounded_producer import Producer
from broker.wire.connection import Connection
from broker.wire.guarded import TooLate
from broker.wire.producer import idempotent_producer
from broker.wire.timely import TimelyProducer
from broker.wire.welcome import denied, unavailable

_TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError)


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a record lies."""

    partition: int
    offset: int


class Sender:
    """An idempotent producer with ``acks=all``: a retry within it never makes a second record."""

    def __init__(self, connection: Connection, producer: Producer | None = None) -> None:
        self._connection = connection
        self._producer = producer or idempotent_producer(connection)
        self._patience = 2 * connection.request_timeout_ms / 1000

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaRefused: The cluster does not let us in.
            KafkaUnavailable: No broker answers.
        """
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise await unavailable(self._connection, error) from None

    async def require(self, topic: str) -> None:
        """Make sure that *topic* exists and may be seen.

        Raises:
            Rejected: ORIGINATOR_UNKNOWN; topics are created with their units only.
            KafkaUnavailable: The cluster did not answer.
        """
        async with self.in_time():
            cluster = await self._producer.client.fetch_all_metadata()
        if topic not in cluster.topics():
            raise Rejected(Reason.ORIGINATOR_UNKNOWN, "label.originator")

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Sent:
        """Send one record and return once every in-sync replica has it.

        Raises:
            Rejected: OVERSIZED.
            KafkaUnavailable: No answer in time. The record may have been written: send the
                same bytes again, and the pipeline recognises the second as a duplicate.
        """
        return await (await self.begin(topic, key, value, headers))

    async def begin(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> "asyncio.Task[Sent]":
        """Queue one record behind those before it; the task ends as `send` does.

        Raises:
            Rejected: OVERSIZED.
            KafkaUnavailable: The queue did not move.
        """
        async with self.in_time():
            written = await self._producer.send(topic, value=value, key=key, headers=list(headers))
        return asyncio.create_task(self._settled(written))

    async def _settled(self, written: "asyncio.Future[RecordMetadata]") -> Sent:
        async with self.in_time():
            done = await written
        return Sent(done.partition, done.offset)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Wait for Kafka, and tell what it says in our words."""
        try:
            async with asyncio.timeout(self._patience):
                yield
        except _TOO_LARGE:
            raise Rejected(Reason.OVERSIZED) from None
        except TooLate:
            raise KafkaUnavailable("TOO_LATE: it may not be sent any more") from None
        except (KafkaError, TimeoutError) as error:
            raise denied(error) or KafkaUnavailable(type(error).__name__) from None

    async def stop(self) -> None:
        """Send what is waiting and disconnect."""
        await self._producer.stop()


class TimelySender(Sender):
    """A sender of records that may leave until a moment only, one after the other."""

    def __init__(self, connection: Connection) -> None:
        self._timely = TimelyProducer(connection)
        super().__init__(connection, self._timely)

    async def ready(self, topic: str) -> None:
        """Have everything ready that sending to *topic* waits for, but the record.

        Raises:
            KafkaUnavailable: The cluster does not answer.
        """
        async with self.in_time():
            await self._timely.ready(topic)

    async def send_by(
        self,
        moment: float,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Sequence[tuple[str, bytes]],
    ) -> Sent:
        """Send one record, as `send` does; nothing of it leaves after *moment*, steady seconds.

        Raises:
            Rejected: OVERSIZED.
            KafkaUnavailable: TOO_LATE, and what `send` says. Stop this sender: it is of no more
                use.
        """
        self._timely.by = moment
        return await self.send(topic, key, value, headers)
