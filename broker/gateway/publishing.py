"""The publishing desk: alerts of authenticated units, into their intake topics.

An answer is given only once every in-sync replica has the alert, or the spool has it on disk.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

import structlog

from broker.errors import KafkaUnavailable, Rejected
from broker.gateway.sending import Sending
from broker.gateway.spool import Spool, SpoolFull, Waiting
from broker.wire.connection import Connection
from broker.wire.topics import Topics

log = structlog.get_logger()

_DRAIN_SECONDS = 2.0
_DRAINED_AT_ONCE = 50


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
        spool: Where sealed alerts wait while Kafka is away; None refuses them then.
    """

    def __init__(self, connection: Connection, topics: Topics, spool: Spool | None) -> None:
        self._topics = topics
        self._spool = spool
        self._sending = Sending(connection)
        self._in_order = asyncio.Lock()

    async def publish(self, unit: str, alerts: Sequence[Outgoing]) -> list[Taken | Rejected]:
        """Publish *alerts* of *unit* in their order; return what became of each.

        An alert that is ``unavailable`` may have been written: published again with the same
        bytes, it is taken once.
        """
        if self._spool is not None and len(self._spool):
            # Behind what waits: a revision must not overtake the one before it.
            return [self._spooled(self._spool, unit, each) for each in alerts]
        return await self._sent(unit, alerts)

    async def drain(self) -> None:
        """Send what waits in the spool, whenever Kafka is there; until cancelled."""
        while self._spool is not None:
            waiting = self._spool.first(_DRAINED_AT_ONCE)
            for each in waiting:
                if not await self._send_waiting(self._spool, each):
                    waiting = []
                    break
            if not waiting:
                await asyncio.sleep(_DRAIN_SECONDS)

    async def stop(self) -> None:
        """Send what is waiting and disconnect."""
        await self._sending.stop()

    async def _sent(self, unit: str, alerts: Sequence[Outgoing]) -> list[Taken | Rejected]:
        topic = self._topics.intake(unit)
        try:
            async with self._in_order:  # one batch behind the other
                tasks = [await self._begin(topic, each) for each in alerts]
        except KafkaUnavailable as error:
            return [self._missed(unit, each, error) for each in alerts]
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return [
            self._taken(unit, each, outcome) for each, outcome in zip(alerts, done, strict=True)
        ]

    async def _begin(
        self, topic: str, alert: Outgoing
    ) -> "asyncio.Task[object] | asyncio.Future[object]":
        key = str(alert.alert_id).encode()
        try:
            return await self._sending.begin(topic, key, alert.value)
        except Rejected as rejected:
            refused: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            refused.set_exception(rejected)
            return refused

    def _taken(self, unit: str, alert: Outgoing, outcome: object) -> Taken | Rejected:
        if isinstance(outcome, Rejected):
            return outcome
        if isinstance(outcome, KafkaUnavailable):
            return self._missed(unit, alert, outcome)
        if isinstance(outcome, BaseException):
            raise outcome
        return "published"

    def _missed(self, unit: str, alert: Outgoing, error: KafkaUnavailable) -> Taken:
        log.warning("kafka.unavailable", code=error.code)
        if self._spool is None:
            return "unavailable"
        return self._spooled(self._spool, unit, alert)

    def _spooled(self, spool: Spool, unit: str, alert: Outgoing) -> Taken:
        if not alert.sealed:
            return "unavailable"
        try:
            spool.add(unit, alert.alert_id, alert.revision, alert.value)
        except SpoolFull:
            return "unavailable"
        return "spooled"

    async def _send_waiting(self, spool: Spool, each: Waiting) -> bool:
        try:
            await self._sending.send(
                self._topics.intake(each.unit), str(each.alert_id).encode(), each.value
            )
        except KafkaUnavailable:
            return False
        except Rejected as rejected:
            log.error("spool.refused", reason=rejected.reason.value)  # noqa: TRY400
        spool.drop(each.number)
        return True
