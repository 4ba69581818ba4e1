"""The role that routes: one transactional producer and one ledger for each input partition.

Assignment: the gate is closed; the partition is paused; the producer starts, which fences every
earlier one of its id; the ledger is restored to the last stable offset; the position is set to
the committed offset; the gate opens. Partitions open beside one another. What goes wrong after
that, and is not mended by the lane itself (`broker.pipeline.lane`), makes the role join its
group anew.
"""

import asyncio
from collections.abc import Callable

import structlog

from broker.clock import epoch_ms
from broker.metrics.registry import count_error
from broker.pipeline.known import PlanOf
from broker.pipeline.lane import TRANSACTION_ALERTS, Lane, RecordWaits
from broker.pipeline.lost_records import tell_lost
from broker.pipeline.preconditions import Confirm, unchecked
from broker.pipeline.restarts import Restarts
from broker.pipeline.route import PartitionRouter
from broker.pipeline.seal_release import ReleaseSealer
from broker.pipeline.supervise import supervise
from broker.pipeline.waiting import Waits
from broker.wire.connection import Connection
from broker.wire.consumer import Consumer, Gate, group_consumer
from broker.wire.partition import Target
from broker.wire.topics import Topics

log = structlog.get_logger()

#: A partition that could not be opened is tried again after so long.
_OPEN_AGAIN_SECONDS = 2.0
#: So often it is tried to write what feeds are owed.
_PAY_SECONDS = 30.0


class Router:
    """Routes alerts until stopped."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        plan_of: PlanOf,
        clock: Callable[[], int] = epoch_ms,
        new_sealer: Callable[[], ReleaseSealer] | None = None,
        confirm: Confirm = unchecked,
        pay_seconds: float = _PAY_SECONDS,
    ) -> None:
        self._confirm = confirm
        self._connection = connection
        self._topics = topics
        self._plan_of = plan_of
        self._clock = clock
        self._new_sealer = new_sealer
        self._pay_seconds = pay_seconds
        self._pay_at = 0.0
        self._lanes: dict[Target, Lane] = {}
        self._opening: dict[Target, asyncio.Task[None]] = {}
        self._open_again: dict[Target, float] = {}
        self._most: dict[Target, int] = {}
        self._waits = Waits("route")
        self._stopping = asyncio.Event()
        self._routed_before = 0

    @property
    def routed(self) -> int:
        """Alerts whose transaction is committed, since the start."""
        return self._routed_before + sum(lane.routed for lane in self._lanes.values())

    def stop(self) -> None:
        """Ask `run` to end after the transaction under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Route until stopped; join anew after any fault, waiting longer each time."""
        restarts = Restarts("route", self._stopping)
        await supervise(
            lambda: self._run_once(restarts),
            self._stopping,
            restarts,
            progress=lambda: self.routed,
        )

    def counts(self) -> dict[str, int]:
        """Return how many alerts were decided, duplicates, refused, by open partitions."""
        total: dict[str, int] = {}
        for lane in self._lanes.values():
            for name, count in lane.router.counts.items():
                total[name] = total.get(name, 0) + count
        return total

    async def _run_once(self, restarts: Restarts) -> None:
        consumer = group_consumer(self._connection, self._topics.route_group())
        gate = Gate(consumer, self._close_lanes)
        try:
            await consumer.start()
            restarts.reached()
            consumer.subscribe([self._topics.alerts], listener=gate)
            while not self._stopping.is_set():
                self._open_lanes(consumer, gate)
                await self._route_next(consumer, gate)
                await self._pay_owed(gate)
        finally:
            await self._close_lanes({*self._lanes, *self._opening})
            await consumer.stop()

    def _open_lanes(self, consumer: Consumer, gate: Gate) -> None:
        """Open each partition beside the others: one with a long ledger holds up nobody.

        The consumer is polled meanwhile, so that the group does not take it for dead.
        """
        now = asyncio.get_running_loop().time()
        for partition in gate.waiting() & consumer.assignment():
            opening = self._opening.get(partition)
            if opening is not None and opening.done():
                del self._opening[partition]
                self._note_fault(partition, opening, now)
            elif opening is None and now >= self._open_again.get(partition, 0.0):
                consumer.pause(partition)  # what is not opened is not fetched either
                opened = self._open_lane(consumer, gate, partition)
                self._opening[partition] = asyncio.create_task(opened)

    def _note_fault(self, partition: Target, opening: "asyncio.Task[None]", now: float) -> None:
        if opening.cancelled() or (fault := opening.exception()) is None:
            return
        self._open_again[partition] = now + _OPEN_AGAIN_SECONDS
        code = type(fault).__name__
        count_error("route", code)
        log.error("partition.not_opened", partition=partition.partition, code=code)

    async def _open_lane(self, consumer: Consumer, gate: Gate, partition: Target) -> None:
        number = partition.partition
        sealer = self._new_sealer() if self._new_sealer else None
        router = PartitionRouter(self._topics, number, self._plan_of, sealer)
        lane = Lane(self._connection, self._topics, partition, router, self._clock)
        lane.most = self._most.get(partition, lane.most)
        try:
            await lane.open()
            committed = await consumer.committed(partition)
            if committed is None:
                await consumer.seek_to_beginning(partition)
            else:
                consumer.seek(partition, committed)
        except BaseException:
            await lane.discard()
            raise
        lane.starts_at(committed or 0)
        self._lanes[partition] = lane
        consumer.resume(partition)
        gate.open(partition)
        log.info("partition.opened", partition=number, ledger=len(router.ledger))

    async def _close_lanes(self, partitions: set[Target]) -> None:
        opening = [task for each in partitions if (task := self._opening.pop(each, None))]
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        for partition in partitions:
            lane = self._lanes.pop(partition, None)
            if lane is not None:
                self._most[partition] = lane.most
                self._routed_before += lane.routed
                await lane.discard()

    async def _route_next(self, consumer: Consumer, gate: Gate) -> None:
        for each in self._waits.over(consumer.paused() & self._lanes.keys()):
            consumer.resume(each)
        fetched = await consumer.getmany(timeout_ms=100, max_records=2 * TRANSACTION_ALERTS)
        gaps = consumer.met()
        await tell_lost("route", gaps, self._connection, self._topics, self._clock())
        if fetched:
            await self._confirm()
        async with gate.turning:
            opened = [partition for partition in fetched if gate.is_open(partition)]
            rounds = [self._lanes[each].route(fetched[each]) for each in opened]
            outcomes = await asyncio.gather(*rounds, return_exceptions=True)
            for partition, outcome in zip(opened, outcomes, strict=True):
                self._note(consumer, partition, outcome)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, RecordWaits):
                raise outcome

    def _note(self, consumer: Consumer, partition: Target, outcome: BaseException | None) -> None:
        """Let a partition wait where its next record cannot be routed now: others flow."""
        if outcome is None:
            self._waits.passed(partition)
        elif isinstance(outcome, RecordWaits):
            self._waits.begin(partition, outcome.offset, outcome.fault)
            consumer.seek(partition, outcome.offset)
            consumer.pause(partition)

    async def _pay_owed(self, gate: Gate) -> None:
        """Now and then write what feeds are owed that could not be written."""
        now = asyncio.get_running_loop().time()
        if now < self._pay_at:
            return
        self._pay_at = now + self._pay_seconds
        async with gate.turning:
            for partition, lane in list(self._lanes.items()):
                if gate.is_open(partition):
                    await lane.pay()
