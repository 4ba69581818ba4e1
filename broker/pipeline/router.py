"""The role that routes: one transactional producer and one ledger for each input partition.

Assignment: the gate is closed; the producer starts, which fences every earlier one of its
id; the ledger is restored to the last stable offset; the position is set to the committed
offset; the gate opens. Whatever goes wrong after that, the producer is thrown away and the
role joins its group anew, so a router that was superseded cannot fence its successor.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from broker.clock import epoch_ms
from broker.errors import KeeperUnavailable, KeyMissing, NotNow
from broker.model.reason import Reason
from broker.pipeline.known import PlanOf
from broker.pipeline.preconditions import Confirm, unchecked
from broker.pipeline.restarts import Restarts
from broker.pipeline.route import PartitionRouter
from broker.pipeline.seal_release import ReleaseSealer
from broker.pipeline.supervise import supervise
from broker.tracing import span
from broker.wire.admin import committed_offsets
from broker.wire.connection import Connection
from broker.wire.consumer import Consumer, ConsumerRecord, Gate, group_consumer
from broker.wire.outbox import Outbox
from broker.wire.partition import Target
from broker.wire.producer import TransactionalProducer, TransactionFailed
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

log = structlog.get_logger()

#: Alerts in one transaction, at most.
TRANSACTION_ALERTS = 500
#: No alert is added to a transaction that holds so many bytes: hundreds of feeds share them.
TRANSACTION_BYTES = 64 << 20
_UNEXPECTED = "UNEXPECTED"


class _Lane:
    """One partition under way: its producer, its router, and its input."""

    def __init__(self, producer: TransactionalProducer, router: PartitionRouter) -> None:
        self.producer = producer
        self.router = router


class Router:
    """Routes alerts until stopped.

    Attributes:
        routed: Alerts whose transaction is committed, since the start.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        plan_of: PlanOf,
        clock: Callable[[], int] = epoch_ms,
        new_sealer: Callable[[], ReleaseSealer] | None = None,
        confirm: Confirm = unchecked,
    ) -> None:
        self._confirm = confirm
        self._connection = connection
        self._topics = topics
        self._plan_of = plan_of
        self._clock = clock
        self._new_sealer = new_sealer
        self._lanes: dict[Target, _Lane] = {}
        self._stopping = asyncio.Event()
        self.routed = 0

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
                for partition in gate.waiting():
                    await self._open_lane(consumer, gate, partition)
                await self._route_next(consumer, gate)
        finally:
            await self._close_lanes(set(self._lanes))
            await consumer.stop()

    async def _open_lane(self, consumer: Consumer, gate: Gate, partition: Target) -> None:
        async with gate.turning:
            if partition not in gate.waiting():
                return  # revoked meanwhile
            number = partition.partition
            producer = TransactionalProducer(
                self._connection, self._topics.route_transaction(number)
            )
            await producer.start()
            sealer = self._new_sealer() if self._new_sealer else None
            router = PartitionRouter(self._topics, number, self._plan_of, sealer)
            self._lanes[partition] = _Lane(producer, router)
            ledger = [self._topics.ledger]
            async for record in read_to_end(self._connection, ledger, partition=number):
                router.clock.was(record.timestamp)
                if (reason := router.ledger.restore(record.key, record.value)) is not None:
                    where = {"partition": number, "offset": record.offset}
                    log.error("ledger.unreadable", reason=reason.value, **where)
            committed = await consumer.committed(partition)
            if committed is None:
                await consumer.seek_to_beginning(partition)
            else:
                consumer.seek(partition, committed)
            gate.open(partition)
            log.info("partition.opened", partition=number, ledger=len(router.ledger))

    async def _close_lanes(self, partitions: set[Target]) -> None:
        for partition in partitions:
            lane = self._lanes.pop(partition, None)
            if lane is not None:
                await lane.producer.discard()

    async def _route_next(self, consumer: Consumer, gate: Gate) -> None:
        fetched = await consumer.getmany(timeout_ms=100, max_records=2 * TRANSACTION_ALERTS)
        if fetched:
            await self._confirm()
        async with gate.turning:
            rounds = [
                self._route_records(partition, records)
                for partition, records in fetched.items()
                if gate.is_open(partition)
            ]
            outcomes = await asyncio.gather(*rounds, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _route_records(self, partition: Target, records: Sequence[ConsumerRecord]) -> None:
        lane = self._lanes[partition]
        start = 0
        while start < len(records):
            batch = records[start : start + TRANSACTION_ALERTS]
            start += await self._transact(lane, partition, batch)
        if lane.producer.worn:
            raise TransactionFailed("PRODUCER_WORN", for_good=False)

    async def _transact(
        self, lane: _Lane, partition: Target, records: Sequence[ConsumerRecord]
    ) -> int:
        """Route as many of *records* as one transaction takes; return how many."""
        try:
            return await self._write(lane, partition, records, lane.router.take)
        except TransactionFailed as fault:
            if not fault.for_good:
                raise
            await self._transact_singly(lane, partition, records)
            return len(records)

    async def _transact_singly(
        self, lane: _Lane, partition: Target, records: Sequence[ConsumerRecord]
    ) -> None:
        """Find the alert that cannot be written; quarantine it and let its neighbours flow."""
        await self._renew(lane, records[0])
        for record in records:
            try:
                await self._write(lane, partition, [record], lane.router.take)
            except TransactionFailed as fault:
                if not fault.for_good:
                    raise
                await self._renew(lane, record)
                await self._write(lane, partition, [record], _refusal(lane.router, fault))

    async def _renew(self, lane: _Lane, following: ConsumerRecord) -> None:
        """Give *lane* a new producer, unless somebody has routed *following* meanwhile.

        A new producer fences a successor too. The ledger in memory is still true only where
        that successor has committed nothing.
        """
        await lane.producer.discard()
        partition = Target(following.topic, following.partition)
        transactional_id = self._topics.route_transaction(partition.partition)
        lane.producer = TransactionalProducer(self._connection, transactional_id)
        await lane.producer.start()
        committed = await committed_offsets(self._connection, self._topics.route_group())
        if committed.get(partition, 0) > following.offset:
            raise TransactionFailed("SUPERSEDED", for_good=False)

    async def _write(
        self,
        lane: _Lane,
        partition: Target,
        records: Sequence[ConsumerRecord],
        take: "_Take",
    ) -> int:
        router, outbox = lane.router, lane.producer.outbox()
        router.begin(self._clock(), records)
        with span("route.transaction", partition=partition.partition) as work:
            try:
                taken = _take_until_full(records, outbox, take)
                work.set_attribute("alerts", taken)
                router.close_books(outbox)
                group = self._topics.route_group()
                await lane.producer.commit(outbox, partition, records[taken - 1].offset + 1, group)
            except BaseException:
                router.rollback()
                raise
        router.commit()
        self.routed += taken
        return taken


_Take = Callable[[ConsumerRecord, Outbox], None]


def _take_until_full(records: Sequence[ConsumerRecord], outbox: Outbox, take: _Take) -> int:
    taken = 0
    try:
        for record in records:
            take(record, outbox)
            taken += 1
            if outbox.size > TRANSACTION_BYTES:
                return taken
    except (NotNow, KeyMissing) as wait:
        if taken:
            return taken  # those before it go on; it wrote nothing
        raise TransactionFailed(str(wait), for_good=False) from None
    except KeeperUnavailable as away:
        raise TransactionFailed(str(away), for_good=False) from None
    except Exception as fault:  # noqa: BLE001
        # A record that cannot even be taken is for good, like one too large to write.
        where = {"partition": record.partition, "offset": record.offset}
        log.error("record.unroutable", code=type(fault).__name__, **where)  # noqa: TRY400
        raise TransactionFailed(f"{_UNEXPECTED}: {type(fault).__name__}", for_good=True) from None
    return len(records)


def _refusal(router: PartitionRouter, fault: TransactionFailed) -> _Take:
    unexpected = str(fault).startswith(_UNEXPECTED)
    reason = Reason.UNEXPECTED if unexpected else Reason.RELEASE_TOO_LARGE

    def refuse(record: ConsumerRecord, outbox: Outbox) -> None:
        router.refuse(record, outbox, reason)

    return refuse
