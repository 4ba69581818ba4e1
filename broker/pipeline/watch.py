"""Watch how far one role is behind, and whether it moves: for metrics, log and readiness."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

import structlog

from broker.errors import KafkaUnavailable
from broker.metrics.lag import Waiting, show_lag
from broker.metrics.registry import ROLE_UP
from broker.pipeline.standstill import Standstill
from broker.wire.connection import Connection
from broker.wire.lag import LagReader, TopicLag
from broker.wire.topics import Topics

log = structlog.get_logger()

_EVERY_SECONDS = 15.0


class Watch:
    """Asks Kafka, now and then, what waits for one role: as that role's own principal.

    Args:
        role: accept, route or deliver.
        connection: As the role connects.
        topics: The topics.
        reads: Each group of the role, and the topics that it reads.
        feeds: Feed of each topic that is one's.
        every_seconds: How long between two questions.
    """

    def __init__(
        self,
        role: str,
        connection: Connection,
        reads: Mapping[str, list[str]],
        feeds: Mapping[str, str] | None = None,
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:
        self._role = role
        self._lag = LagReader(connection, reads)
        self._feeds = feeds or {}
        self._every = every_seconds
        self._standstill = Standstill(role)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Watch until stopped; a cluster that is away is asked again."""
        ROLE_UP.labels(self._role).set(1)
        try:
            while not self._stopping.is_set():
                await self._look()
                await self._wait()
        finally:
            ROLE_UP.labels(self._role).set(0)
            await self._disconnect()

    async def _look(self) -> None:
        try:
            found = await self._lag.read()
        except KafkaUnavailable as away:
            log.debug("lag.unknown", role=self._role, code=away.code)
        except Exception as fault:  # noqa: BLE001 - whoever only watches must stop nobody
            await self._disconnect()
            log.warning("lag.unknown", role=self._role, code=type(fault).__name__)
        else:
            show_lag(self._role, self._waiting(found))
            self._standstill.see(self._lag.waiting(), self._lag.silent())

    async def _disconnect(self) -> None:
        with suppress(Exception):  # what cannot be closed is gone already
            await self._lag.stop()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._every):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _waiting(self, found: Iterable[TopicLag]) -> Iterable[Waiting]:
        for topic, records, oldest in found:
            feed = self._feeds.get(topic)
            yield Waiting(_READS[self._role], feed, records, oldest)


#: What kind of topic each role reads.
_READS = {"accept": "intake", "route": "alerts", "deliver": "feed"}


def watch(
    role: str,
    connection: Connection,
    topics: Topics,
    publishers: Iterable[str],
    feeds: Iterable[str],
) -> Watch:
    """Return what watches *role*.

    Args:
        role: accept, route, deliver; of any other only that it runs is known.
        connection: As the role connects.
        topics: The topics.
        publishers: Units that publish.
        feeds: Feeds that are delivered.
    """
    names = {topics.feed(feed): feed for feed in feeds}
    match role:
        case "accept":
            reads = {topics.accept_group(): [topics.intake(unit) for unit in publishers]}
        case "route":
            reads = {topics.route_group(): [topics.alerts]}
        case "deliver":
            reads = {topics.deliver_group(feed): [topic] for topic, feed in names.items()}
        case _:
            reads = {}
    return Watch(role, connection, reads, names)
