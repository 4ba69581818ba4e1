"""Send what waits in the spool, unit by unit: one that cannot be sent for holds up no other."""

import asyncio
import contextlib

import structlog

from broker.errors import KafkaUnavailable, Rejected, StorageUnavailable
from broker.gateway.sending import Sending
from broker.gateway.spool import Spool, Waiting
from broker.wire.topics import Topics

log = structlog.get_logger()

_LOOKED_EVERY_SECONDS = 2.0
_SENT_AT_ONCE = 50


class Draining:
    """Empties the spool into Kafka; every gateway of a folder does, one at a time for a unit.

    Args:
        spool: What waits.
        sending: The way to Kafka.
        topics: Its topics.

    Attributes:
        units: Those of which something waits, as far as this gateway knows.
    """

    def __init__(self, spool: Spool, sending: Sending, topics: Topics) -> None:
        self._spool = spool
        self._sending = sending
        self._topics = topics
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.units: set[str] = set()

    async def run(self) -> None:
        """Send what waits, whenever Kafka is there, until cancelled."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(_LOOKED_EVERY_SECONDS)
        finally:
            await self._end()

    async def _look(self) -> None:
        with contextlib.suppress(StorageUnavailable):  # told by `/readyz`; looked at again
            self.units = set(await self._spool.waiting())
        for unit in self.units:
            if unit not in self._under_way or self._under_way[unit].done():
                self._under_way[unit] = asyncio.create_task(self._send(unit))

    async def _send(self, unit: str) -> None:
        """Send what waits of *unit*, as far as it can be sent now."""
        try:
            with self._spool.claimed(unit) as is_ours:
                while is_ours and (waiting := await self._spool.first(unit, _SENT_AT_ONCE)):
                    for each in waiting:
                        await self._send_one(each)
        except (KafkaUnavailable, StorageUnavailable, OSError) as fault:
            log.warning("spool.waits", unit=unit, code=str(fault).partition(":")[0])

    async def _send_one(self, each: Waiting) -> None:
        key = str(each.alert_id).encode()
        try:
            await self._sending.send(self._topics.intake(each.unit), key, each.value)
        except Rejected as rejected:
            # It was answered for, so it stays, out of the way: an operator must look.
            where = {"alert_id": str(each.alert_id), "reason": rejected.reason.value}
            log.error("spool.refused", **where)  # noqa: TRY400
            await self._spool.refuse(each.number, rejected.reason)
        else:
            await self._spool.drop(each.number)

    async def _end(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
