"""One partition of `alerts` under way: its producer, its router, and its transactions.

What goes wrong in one lane is mended in it as far as can be: a transaction that takes too long
is halved, an alert that cannot be written is quarantined, a feed that cannot be written is set
aside. For the rest the producer is thrown away and the role joins its group anew, so a router
that was superseded cannot fence its successor.
"""

from collections.abc import Callable, Sequence

import structlog

from broker.errors import OF_BYTES, KeyMissing, LaliError, NotNow, Rejected
from broker.model.reason import Reason
from broker.pipeline.route import PartitionRouter
from broker.pipeline.seal_release import FeedsKeyless
from broker.tracing import span
from broker.wire.admin import committed_offsets
from broker.wire.connection import Connection
from broker.wire.consumer import ConsumerRecord
from broker.wire.outbox import Outbox
from broker.wire.partition import Target
from broker.wire.producer import TopicsUnwritable, TransactionalProducer, TransactionFailed
from broker.wire.tail import read_to_end, settled_records, written_end
from broker.wire.topics import Topics

log = structlog.get_logger()

#: Alerts in one transaction, at most.
TRANSACTION_ALERTS = 500
#: No alert is added to a transaction that holds so many bytes: hundreds of feeds share them.
TRANSACTION_BYTES = 64 << 20
_UNEXPECTED = "UNEXPECTED"

_Take = Callable[[ConsumerRecord, Outbox], None]


class RecordWaits(TransactionFailed):
    """A record that cannot be routed now, through no fault of its own; nothing was begun.

    Attributes:
        fault: What is the matter: whatever is not in `OF_BYTES`, known or not.
        before: How many records before it could be taken.
        offset: Its own, once nothing before it waits.
    """

    def __init__(self, fault: Exception, before: int) -> None:
        super().__init__(
            str(fault) if isinstance(fault, LaliError) else type(fault).__name__, for_good=False
        )
        self.fault = fault
        self.before = before
        self.offset = -1


class Lane:
    """Routes the alerts of one partition, transaction after transaction.

    Args:
        connection: The cluster.
        topics: Its topics.
        partition: Of `alerts`.
        router: Decides and writes; its ledger is restored by `open`.
        clock: Epoch milliseconds.

    Attributes:
        most: Alerts in the next transaction, at most: fewer, where one took too long.
        routed: Alerts whose transaction is committed.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        partition: Target,
        router: PartitionRouter,
        clock: Callable[[], int],
    ) -> None:
        self.router = router
        self.most = TRANSACTION_ALERTS
        self.routed = 0
        self._connection = connection
        self._topics = topics
        self._partition = partition
        self._clock = clock
        self._next = 0
        self._producer = self._new_producer()

    async def open(self) -> None:
        """Fence every earlier producer of this partition, and restore the ledger."""
        await self._producer.start()
        number, ledger = self._partition.partition, [self._topics.ledger]
        async for record in read_to_end(self._connection, ledger, partition=number):
            self.router.clock.was(record.timestamp)
            if (reason := self.router.ledger.restore(record.key, record.value)) is not None:
                where = {"partition": number, "offset": record.offset}
                log.error("ledger.unreadable", reason=reason.value, **where)

    def starts_at(self, offset: int) -> None:
        """Note that everything before *offset* is routed."""
        self._next = offset

    async def discard(self) -> None:
        """Let go of the producer."""
        await self._producer.discard()

    async def route(self, records: Sequence[ConsumerRecord]) -> None:
        """Route *records*, in as many transactions as it takes.

        Raises:
            RecordWaits: One of them cannot be routed now; those before it are.
            TransactionFailed: Join anew: nothing after the last commit came to pass.
        """
        start = 0
        while start < len(records):
            start += await self._transact(records[start : start + self.most])
        if self._producer.worn:
            raise TransactionFailed("PRODUCER_WORN", for_good=False)

    async def pay(self) -> None:
        """Write to feeds that were set aside what they are owed, where they can be written."""
        self.router.renew_keys(self._clock())
        for feed in sorted(self.router.owed.feeds):
            if self.router.owed.is_keyless(feed):
                continue
            target = Target(self._topics.feed(feed), self._partition.partition)
            if await self._producer.may_write(target):
                await self._pay(feed)

    async def _transact(self, records: Sequence[ConsumerRecord]) -> int:
        """Route as many of *records* as one transaction takes; return how many."""
        try:
            taken = await self._write(records, self.router.take)
        except RecordWaits as wait:
            if wait.before:
                return await self._transact(records[: wait.before])  # they go on
            wait.offset = records[0].offset
            raise
        except TopicsUnwritable as fault:
            await self._set_aside(fault)
            return 0
        except FeedsKeyless as fault:
            await self._hold(fault)
            return 0
        except TransactionFailed as fault:
            if fault.for_good:
                await self._transact_singly(records)
                return len(records)
            if not fault.timed_out or len(records) == 1:
                raise
            await self._halve(len(records))
            return 0
        self.most = min(self.most + max(1, self.most // 4), TRANSACTION_ALERTS)
        return taken

    async def _halve(self, count: int) -> None:
        """Try fewer at once: the same again would take as long again, for ever."""
        self.most = max(1, count // 2)
        partition = self._partition.partition
        log.warning("transaction.halved", partition=partition, alerts=self.most)
        await self._renew()

    async def _transact_singly(self, records: Sequence[ConsumerRecord]) -> None:
        """Find the alert that cannot be written; quarantine it and let its neighbours flow."""
        await self._renew()
        for record in records:
            try:
                await self._write([record], self.router.take)
            except TransactionFailed as fault:
                if not fault.for_good:
                    raise
                await self._renew()
                await self._write([record], _refusal(self.router, fault))

    async def _set_aside(self, fault: TopicsUnwritable) -> None:
        """Let everybody else's flow; what is no feed's own everybody waits for."""
        feeds = {feed for topic in fault.topics if (feed := self._topics.feed_of(topic))}
        owed = self.router.owed
        if len(feeds) < len(fault.topics) or all(map(owed.is_unwritable, feeds)):
            raise fault
        if fault.spent:
            await self._renew()
        owed.set_aside(feeds, await self._end_of_owed())

    async def _hold(self, fault: FeedsKeyless) -> None:
        """Hold what some feeds get until they have a key; everybody else's flows."""
        end = await self._end_of_owed()
        for feed, reason in fault.feeds.items():
            self.router.owed.set_aside([feed], end, reason)

    async def _end_of_owed(self) -> int:
        owed = Target(self._topics.owed, self._partition.partition)
        return await written_end(self._connection, owed)

    async def _pay(self, feed: str) -> None:
        owed, number = self.router.owed, self._partition.partition
        records = await settled_records(self._connection, self._topics.owed, number)
        if records is None:
            return  # a transaction is not seen to end yet: what it wrote would be passed over
        due = [record for record in records if owed.is_owed(feed, record)]
        while True:
            part, due = due[:TRANSACTION_ALERTS], due[TRANSACTION_ALERTS:]
            offset = due[0].offset if due else None
            if not await self._paid(feed, part, offset):
                return
            owed.settled(feed, offset)
            if offset is None:
                return

    async def _paid(self, feed: str, part: Sequence[ConsumerRecord], offset: int | None) -> bool:
        outbox, now = self._producer.outbox(), self._clock()
        try:
            self.router.owed.pay(outbox, feed, part, now)
            self.router.owed.settle(outbox, feed, offset, now)
            await self._producer.commit(outbox, self._partition, None, "")
        except TopicsUnwritable as fault:
            if fault.spent:
                await self._renew()
            return False
        except (Rejected, KeyMissing) as fault:
            code = fault.reason.value if isinstance(fault, Rejected) else "KEY_MISSING"
            log.error("feed.not_paid", feed=feed, code=code)  # noqa: TRY400
            return False
        return True

    async def _renew(self) -> None:
        """Take a new producer, unless somebody has routed what comes next meanwhile.

        A new producer fences a successor too. The ledger in memory is still true only where
        that successor has committed nothing.
        """
        await self._producer.discard()
        self._producer = self._new_producer()
        await self._producer.start()
        committed = await committed_offsets(self._connection, self._topics.route_group())
        if committed.get(self._partition, 0) > self._next:
            raise TransactionFailed("SUPERSEDED", for_good=False)

    def _new_producer(self) -> TransactionalProducer:
        transactional_id = self._topics.route_transaction(self._partition.partition)
        return TransactionalProducer(self._connection, transactional_id)

    async def _write(self, records: Sequence[ConsumerRecord], take: _Take) -> int:
        router, outbox = self.router, self._producer.outbox()
        router.begin(self._clock(), records)
        with span("route.transaction", partition=self._partition.partition) as work:
            try:
                taken = take_until_full(records, outbox, take)
                work.set_attribute("alerts", taken)
                router.close_books(outbox)
                behind, group = records[taken - 1].offset + 1, self._topics.route_group()
                await self._producer.commit(outbox, self._partition, behind, group)
            except BaseException:
                router.rollback()
                raise
        router.commit()
        self._next = behind
        self.routed += taken
        return taken


def take_until_full(records: Sequence[ConsumerRecord], outbox: Outbox, take: _Take) -> int:
    """Take as many of *records* as one transaction holds; return how many.

    Raises:
        RecordWaits: One cannot be taken now.
        TransactionFailed: One cannot be taken for good: its bytes deserve it.
    """
    taken = 0
    try:
        for record in records:
            take(record, outbox)
            taken += 1
            if outbox.size > TRANSACTION_BYTES:
                return taken
    except OF_BYTES as fault:
        # A record that cannot even be taken is for good, like one too large to write.
        where = {"partition": record.partition, "offset": record.offset}
        log.error("record.unroutable", reason=fault.reason.value, **where)  # noqa: TRY400
        raise TransactionFailed(f"{_UNEXPECTED}: {fault.reason}", for_good=True) from None
    except FeedsKeyless:
        if taken:
            return taken  # those before it go on; it wrote nothing
        raise
    except (NotNow, KeyMissing) as wait:
        if taken:
            return taken  # those before it go on; it wrote nothing
        raise RecordWaits(wait, taken) from None
    except Exception as trouble:  # noqa: BLE001 - ours, known or not: no fault of the alert
        raise RecordWaits(trouble, taken) from None
    return len(records)


def _refusal(router: PartitionRouter, fault: TransactionFailed) -> _Take:
    unexpected = str(fault).startswith(_UNEXPECTED)
    reason = Reason.UNEXPECTED if unexpected else Reason.RELEASE_TOO_LARGE

    def refuse(record: ConsumerRecord, outbox: Outbox) -> None:
        router.refuse(record, outbox, reason)

    return refuse
