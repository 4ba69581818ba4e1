"""A sender that is made when it is needed, and made anew after it has failed.

A producer that has failed may never work again (notes in docs/operating.md), and a gateway
must not need a restart because Kafka did.
"""

import asyncio
import contextlib

import structlog

from broker.errors import KafkaUnavailable, TopicRefused
from broker.wire.connection import Connection
from broker.wire.sender import Sender, Sent

log = structlog.get_logger()

_STOPPED_WITHIN_SECONDS = 30.0


class Sending:
    """Sends records of many requests over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sender: Sender | None = None
        self._starting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def begin(self, topic: str, key: bytes, value: bytes) -> "asyncio.Task[Sent]":
        """Queue one record behind those before it; the task ends once all replicas have it.

        Raises:
            Rejected: OVERSIZED.
            KafkaUnavailable: The cluster does not answer. So may the task.
        """
        sender = await self._started()
        try:
            task = await sender.begin(topic, key, value)
        except TopicRefused:
            raise  # the sender is well: whoever may write to other topics goes on
        except KafkaUnavailable:
            self._replace(sender)
            raise
        task.add_done_callback(lambda done: self._look_at(sender, done))
        return task

    async def send(self, topic: str, key: bytes, value: bytes) -> Sent:
        """Send one record and return once all replicas have it.

        Raises:
            Rejected, KafkaUnavailable: As `begin`.
        """
        return await (await self.begin(topic, key, value))

    async def stop(self) -> None:
        """Send what is waiting and disconnect."""
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.stop()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _started(self) -> Sender:
        async with self._starting:
            if self._sender is None:
                sender = Sender(self._connection)
                await sender.start()
                self._sender = sender
            return self._sender

    def _look_at(self, sender: Sender, done: "asyncio.Task[Sent]") -> None:
        if done.cancelled():
            return
        fault = done.exception()
        if isinstance(fault, KafkaUnavailable) and not isinstance(fault, TopicRefused):
            self._replace(sender)

    def _replace(self, sender: Sender) -> None:
        if self._sender is not sender:
            return
        self._sender = None
        log.warning("sender.replaced")
        ending = asyncio.create_task(_stop(sender))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


async def _stop(sender: Sender) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_STOPPED_WITHIN_SECONDS):
            await sender.stop()
