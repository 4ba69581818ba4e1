"""What a site without staff needs of its own Kafka: it comes again by itself, and never expires."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from broker.cluster.local import LocalKafka, is_ready
from broker.cluster.node import Node
from broker.cluster.protection import renew
from broker.errors import KafkaUnavailable

log = structlog.get_logger()

_EVERY_SECONDS = 1.0
#: Between two attempts to start what does not start; doubled up to the longest.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
#: A start with much to recover takes long. What has not ended is at work.
_STARTING_SECONDS = 600.0
_RENEWED_EVERY_SECONDS = 3600.0


class Attendant:
    """Starts nodes again that ended by themselves, and gives them certificates before theirs end.

    Meanwhile every role waits, as it does for any cluster that is away. Data, address and
    passwords are the same afterwards.

    Args:
        cluster: A local cluster that was started; stopped by whoever started it.
        now: Says what time it is.
    """

    def __init__(
        self, cluster: LocalKafka, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._cluster = cluster
        self._now = now
        self._renew_at = 0.0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Look after the cluster until stopped."""
        while not self._stopping.is_set():
            for node in self._cluster.nodes:
                if not node.running():
                    log.error("kafka.ended", node=node.plan.address.node_id)
                    await self._start_again(node)
            await self._renew()
            await self._pause(_EVERY_SECONDS)

    async def _renew(self) -> None:
        """Look now and then whether certificates end soon; nodes take new ones one by one."""
        at = asyncio.get_running_loop().time()
        if not self._cluster.is_secure or at < self._renew_at:
            return
        self._renew_at = at + _RENEWED_EVERY_SECONDS
        try:
            renewed = await asyncio.to_thread(renew, self._cluster.protection, self._now())
        except Exception as fault:  # noqa: BLE001 - the one that there is counts still
            log.error("kafka.certificate_not_renewed", code=type(fault).__name__)  # noqa: TRY400
            return
        if not renewed:
            return
        log.info("kafka.certificate_renewed")
        for node in self._cluster.nodes:
            await asyncio.to_thread(node.stop)
            await self._start_again(node)

    async def _start_again(self, node: Node) -> None:
        wait, number = _FIRST_WAIT, node.plan.address.node_id
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(node.start)
                await self._ready(node)
            except (KafkaUnavailable, OSError) as fault:
                code = type(fault).__name__
                log.error("kafka.does_not_start", node=number, code=code)  # noqa: TRY400 - paths
            else:
                if not self._stopping.is_set():
                    log.info("kafka.started_again", node=number)
                return
            await self._pause(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _ready(self, node: Node) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _STARTING_SECONDS
        while not self._stopping.is_set() and not await asyncio.to_thread(is_ready, node):
            if loop.time() > until:
                await asyncio.to_thread(node.kill)
                raise KafkaUnavailable("Kafka did not answer")
            await self._pause(_EVERY_SECONDS / 4)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
