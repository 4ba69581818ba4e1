"""Deliver: every feed that has a connector, each in a task of its own.

A dead partner delays nobody else. All feeds share one view of the ledger and one producer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from broker.clock import epoch_ms
from broker.connector import Connector
from broker.pipeline.breaker import DEFAULT_PATIENCE, Patience
from broker.pipeline.delivery_desk import Desk, FeedStatus
from broker.pipeline.feed_delivery import FeedDelivery
from broker.pipeline.holdings import Holdings
from broker.pipeline.open_release import ReleaseOpener
from broker.pipeline.preconditions import Confirm, unchecked
from broker.pipeline.reseal import Resealer
from broker.pipeline.restarts import Restarts
from broker.pipeline.supervise import cancel, supervise
from broker.policy.decide import Decider
from broker.protect.recall_seal import RecallSigner
from broker.wire.connection import Connection
from broker.wire.producer import idempotent_producer, start_producer
from broker.wire.topics import Topics


class Deliver:
    """The role that delivers, for every feed that has a connector.

    Args:
        connection: Lali's own cluster.
        topics: Its topics.
        decider: The bundle of today.
        connectors: The connector of each feed.
        clock: Epoch milliseconds.
        patience: How to wait for recipients.
        openers: What opens the releases of each feed; None where protection is off.
        resealers: What seals anew those of which less is delivered; None where it is off.
        signer: Signs recalls that are owed; None where it is off.
        confirm: Asked before anything is decided.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        decider: Decider,
        connectors: Mapping[str, Connector],
        clock: Callable[[], int] = epoch_ms,
        patience: Patience = DEFAULT_PATIENCE,
        openers: Mapping[str, ReleaseOpener] | None = None,
        resealers: Mapping[str, Resealer] | None = None,
        signer: RecallSigner | None = None,
        confirm: Confirm = unchecked,
    ) -> None:
        self._confirm = confirm
        self._connection = connection
        self._topics = topics
        self._decider = decider
        self._connectors = connectors
        self._clock = clock
        self._patience = patience
        self._openers = openers or {}
        self._resealers = resealers or {}
        self._signer = signer
        self._status = {feed: FeedStatus() for feed in connectors}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end; what is under way is delivered again later, under the same key."""
        self._stopping.set()

    def status(self) -> dict[str, FeedStatus]:
        """Return how each feed is doing."""
        return self._status

    async def run(self) -> None:
        """Deliver until stopped; start anew after any fault, waiting longer each time."""
        restarts = Restarts("deliver", self._stopping)
        await supervise(
            lambda: self._run_once(restarts), self._stopping, restarts, progress=self._done
        )

    async def _run_once(self, restarts: Restarts) -> None:
        desk = self._open_desk()
        await start_producer(desk.producer)
        restarts.reached()
        # Until the ledger is followed again nothing is handed over: nobody delivers blind.
        loops = [
            asyncio.create_task(self._keep_going(desk.holdings.follow)),
            *(
                asyncio.create_task(self._keep_feed_going(desk, feed, connector))
                for feed, connector in self._connectors.items()
            ),
        ]
        try:
            await self._stopping.wait()
        finally:
            await cancel(*loops)
            await desk.producer.stop()

    async def _keep_going(self, run: Callable[[], Awaitable[None]]) -> None:
        restarts = Restarts("deliver", self._stopping, part="ledger")
        await supervise(run, self._stopping, restarts)

    async def _keep_feed_going(self, desk: Desk, feed: str, connector: Connector) -> None:
        await supervise(
            lambda: self._run_feed(desk, feed, connector),
            self._stopping,
            Restarts("deliver", self._stopping, part=feed),
        )

    def _done(self) -> int:
        return sum(each.delivered + each.not_delivered for each in self._status.values())

    def _open_desk(self) -> Desk:
        return Desk(
            self._connection,
            self._topics,
            self._decider,
            self._clock,
            self._patience,
            Holdings(self._connection, self._topics),
            idempotent_producer(self._connection),
            self._confirm,
        )

    async def _run_feed(self, desk: Desk, feed: str, connector: Connector) -> None:
        await desk.holdings.ready()
        keys = self._openers.get(feed), self._resealers.get(feed)
        await FeedDelivery(desk, feed, connector, self._status[feed], *keys, self._signer).run()
