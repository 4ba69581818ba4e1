"""Producers that start and end in a bounded time, whatever the cluster is at.

aiokafka 0.14 asks for ever for the id of an idempotent producer, and writes for ever what waits
in one that is stopped: where a broker was frozen and has come back without its leaders, a role
stands in either without a word. Here it is cut off, and the role says so and starts anew. What
was not acknowledged counts as not written, and is written again.
"""

import asyncio
import contextlib

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

log = structlog.get_logger()

START_SECONDS = 30.0
STOP_SECONDS = 30.0
_CUT_SECONDS = 5.0


class Producer(AIOKafkaProducer):  # type: ignore[misc]
    """A producer that can be started and stopped whatever the cluster is at."""

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaConnectionError: The cluster gave it no id in time.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await super().start()
        except TimeoutError:
            raise KafkaConnectionError("no id for a producer") from None

    async def stop(self) -> None:
        """Write what waits, and disconnect; disconnect without that after a while."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await super().stop()
        except TimeoutError:
            log.warning("producer.cut_off")
            await self._cut_off()

    async def _cut_off(self) -> None:
        # With its connections gone nothing that is under way waits for an answer.
        with contextlib.suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(_CUT_SECONDS):
                await self.client.close()
                await self._sender.close()
        self._message_accumulator.fail_all(KafkaConnectionError("cut off"))  # whoever waits for it
