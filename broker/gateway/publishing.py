"""The publishing desk: alerts of authenticated units, into their intake topics.

An answer is given only once every in-sync replica has the alert, or the spool has it on disk.
What one unit waits for holds up no other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

import structlog

from broker.errors import KafkaUnavailable, Rejected, StorageUnavailable
from broker.gateway.draining import Draining
from broker.gateway.sending import Sending
from broker.gateway.spool import Spool, SpoolFull
from broker.wire.connection import Connection
from broker.wire.topics import Topics

log = structlog.get_logger()


class Outgoing(NamedTuple):
    """One alert, encoded.

    Attributes:
        sealed: It is signed and sealed: it may wait on a disk.
    """

    alert_id: UUID
    revision: int
    value: bytes
    sealed: bool

    def __repr__(self) -> str:
        return f"Outgoing({self.alert_id}, {self.revision})"


#: What became of one alert: Kafka has it, the spool has it, or neither for sure.
Taken = Literal["published", "spooled", "unavailable"]


class PublishingDesk:
    """Publishes for units; one connection for all of them.

    Args:
        connection: The cluster.
        topics: Its topics.
        spool: Where sealed alerts wait while Kafka is away.
        keeps: Whether any may be put there; what waits there is sent in any case.
    """

    def __init__(
        self, connection: Connection, topics: Topics, spool: Spool, *, keeps: bool
    ) -> None:
        self._topics = topics
        self._keeps = keeps
        self._sending = Sending(connection)
        self._in_order: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.draining = Draining(spool, self._sending, topics)
        self._spool = spool

    async def publish(self, unit: str, alerts: Sequence[Outgoing]) -> list[Taken | Rejected]:
        """Publish *alerts* of *unit* in their order; return what became of each.

        An alert that is ``unavailable`` may have been written: published again with the same
        bytes, it is taken once.
        """
        if await self._waits(unit):
            # Behind what waits: a revision must not overtake the one before it.
            return [await self._spooled(unit, each) for each in alerts]
        return await self._sent(unit, alerts)

    async def stop(self) -> None:
        """Send what is waiting and disconnect."""
        await self._sending.stop()

    async def _waits(self, unit: str) -> bool:
        if not self._keeps:
            return unit in self.draining.units
        try:
            return await self._spool.has(unit)
        except StorageUnavailable:
            return unit in self.draining.units  # as far as is known: alerts go on

    async def _sent(self, unit: str, alerts: Sequence[Outgoing]) -> list[Taken | Rejected]:
        topic = self._topics.intake(unit)
        async with self._in_order[unit]:  # one batch behind the other
            begun = [await self._begin(topic, each) for each in alerts]
        done = await asyncio.gather(*begun, return_exceptions=True)
        pairs = zip(alerts, done, strict=True)
        return [await self._taken(unit, each, outcome) for each, outcome in pairs]

    async def _begin(
        self, topic: str, alert: Outgoing
    ) -> "asyncio.Task[object] | asyncio.Future[object]":
        key = str(alert.alert_id).encode()
        try:
            return await self._sending.begin(topic, key, alert.value)
        except (Rejected, KafkaUnavailable) as error:
            missed: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            missed.set_exception(error)
            return missed

    async def _taken(self, unit: str, alert: Outgoing, outcome: object) -> Taken | Rejected:
        if isinstance(outcome, Rejected):
            return outcome
        if isinstance(outcome, KafkaUnavailable):
            log.warning("kafka.unavailable", code=outcome.code)
            return await self._spooled(unit, alert)
        if isinstance(outcome, BaseException):
            raise outcome
        return "published"

    async def _spooled(self, unit: str, alert: Outgoing) -> Taken:
        if not self._keeps or not alert.sealed:
            return "unavailable"
        try:
            await self._spool.add(unit, alert.alert_id, alert.revision, alert.value)
        except (SpoolFull, StorageUnavailable):
            return "unavailable"
        self.draining.units.add(unit)
        return "spooled"
