"""The partitions of one feed that are ours: read, held and given back.

Two processes never work on one partition: whoever loses it finishes the attempt under way,
writes what came to its end and commits, and only then the other one begins, with a ledger
that is no older than that. Whoever was paused for so long that it lost its partition without
being asked finds out before it hands anything over: the group's coordinator is asked, and no
answer is believed that was on its way during the pause.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import structlog

from broker.clock import steady_seconds
from broker.errors import KafkaUnavailable
from broker.pipeline.delivery_desk import Desk
from broker.pipeline.lost_records import tell_lost
from broker.wire.consumer import (
    PATIENT_MS,
    ConsumerRecord,
    Gate,
    NotOurs,
    commit_as_owner,
    group_consumer,
)
from broker.wire.partition import Target

log = structlog.get_logger()

_LEDGER_SECONDS = 10.0
_ANSWER_SECONDS = 30.0
_ASKED_AGAIN_SECONDS = 1.0
_RECORDS_A_POLL = 100


class Lane:
    """One partition: what was read of it, and how far it is done.

    Attributes:
        fresh: Read, and not looked at.
        owned_at: When the coordinator was last asked and said that it is ours, steady seconds.
        recorded: Everything before this offset is done with, and its end is written. Only so far
            may be committed: behind a later offset nobody would write that end again.
    """

    def __init__(self, partition: Target, position: int) -> None:
        self.partition = partition
        self.fresh: deque[ConsumerRecord] = deque()
        self.owned_at = float("-inf")
        self.committed = self.recorded = position
        self._open: dict[int, None] = {}
        self._next = position

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Take in what was read."""
        for record in records:
            self.fresh.append(record)
            self._open[record.offset] = None
            self._next = record.offset + 1

    def done(self, record: ConsumerRecord) -> None:
        """Note that *record* has come to its end."""
        self._open.pop(record.offset, None)

    def written(self) -> None:
        """Note that every end until now is written."""
        self.recorded = self.floor

    @property
    def floor(self) -> int:
        """Everything before this offset is done with."""
        return next(iter(self._open), self._next)


class FeedPartitions:
    """Those partitions of one feed that this process has.

    Args:
        desk: What all feeds share.
        feed: The feed.
        opened: Called with each partition that is ours now, before anything is read of it.
        closing: Called with the partitions that go, before they do: writes what is not written.
            It is told which of them are lost already, so that nothing more may be said of them.
    """

    def __init__(
        self,
        desk: Desk,
        feed: str,
        opened: Callable[[int], Awaitable[None]],
        closing: Callable[[set[int], set[int]], Awaitable[None]],
    ) -> None:
        self._desk = desk
        self._topic = desk.topics.feed(feed)
        self._group = desk.topics.deliver_group(feed)
        self._opened = opened
        self._closing = closing
        self.lanes: dict[int, Lane] = {}

    async def start(self) -> None:
        """Join the group."""
        self.lanes.clear()
        self._consumer = group_consumer(self._desk.connection, self._group, PATIENT_MS)
        self._gate = Gate(self._consumer, self._revoked)
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=self._gate)

    async def stop(self) -> None:
        """Leave the group."""
        await self._consumer.stop()

    async def open_waiting(self) -> None:
        """Open what was assigned: with a ledger that has all that its last owner wrote.

        Raises:
            LedgerBehind: The ledger cannot be read so far.
        """
        for partition in self._gate.waiting():
            number = partition.partition
            await self._desk.holdings.no_older_than(steady_seconds(), number, _LEDGER_SECONDS)
            async with self._gate.turning:
                if partition in self._gate.waiting():
                    self.lanes[number] = Lane(partition, await self._sought(partition))
                    await self._opened(number)
                    self._gate.open(partition)

    async def _sought(self, partition: Target) -> int:
        committed = await self._consumer.committed(partition)
        if committed is None:
            await self._consumer.seek_to_beginning(partition)
        else:
            self._consumer.seek(partition, committed)
        return int(await self._consumer.position(partition))

    async def fetch(self, timeout_ms: int) -> None:
        """Read a little of what follows."""
        fetched = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=_RECORDS_A_POLL)
        desk, gaps = self._desk, self._consumer.met()
        await tell_lost("deliver", gaps, desk.connection, desk.topics, desk.clock())
        for partition, records in fetched.items():
            lane = self.lanes.get(partition.partition)
            if lane is not None and self._gate.is_open(partition):
                lane.add(records)

    @asynccontextmanager
    async def held(self, number: int) -> AsyncIterator[Lane]:
        """Keep a partition for as long as this lasts.

        Raises:
            NotOurs: It is not.
        """
        async with self._gate.turning:
            lane = self.lanes.get(number)
            if lane is None or not self._gate.is_open(lane.partition):
                raise NotOurs
            yield lane

    async def confirm(self, number: int, moment: float) -> None:
        """Make sure that a partition was ours at *moment*, steady seconds, or later.

        Raises:
            NotOurs: It was not, or nobody can tell.
        """
        lane = self.lanes.get(number)
        if lane is None:
            raise NotOurs
        if lane.owned_at < moment:
            await self._committed(lane)

    def owned_at(self, number: int) -> float:
        """Return when a partition was last known to be ours, steady seconds."""
        lane = self.lanes.get(number)
        return lane.owned_at if lane else float("-inf")

    def turning(self) -> asyncio.Lock:
        """Return what is held while partitions neither come nor go."""
        return self._gate.turning

    async def is_ours(self, number: int) -> bool:
        """Whether a partition was ours a moment ago; asked again only after some time.

        Raises:
            KafkaUnavailable: Nobody can tell.
        """
        try:
            await self.confirm(number, steady_seconds() - _ASKED_AGAIN_SECONDS)
        except NotOurs:
            return False
        return True

    async def commit(self) -> list[int]:
        """Commit how far each partition is done; return those that are no longer ours.

        Every end must be written before.

        Raises:
            KafkaUnavailable: The coordinator does not answer.
        """
        lost = []
        for number, lane in list(self.lanes.items()):
            lane.written()
            try:
                if lane.recorded > lane.committed:
                    await self._committed(lane)
            except NotOurs:
                lost.append(number)
        return lost

    def lose(self, number: int) -> None:
        """Forget a partition that another member has; it may be ours again later."""
        self.lanes.pop(number, None)

    async def _committed(self, lane: Lane) -> None:
        """Commit how far *lane* is recorded: the coordinator takes it from its owner only.

        Asked before each handing-over, too, while ends of this turn are not written yet.
        """
        asked, recorded = steady_seconds(), lane.recorded
        await commit_as_owner(self._consumer, lane.partition, recorded, _ANSWER_SECONDS)
        lane.owned_at, lane.committed = asked, recorded

    async def _revoked(self, gone: set[Target]) -> None:
        numbers = {each.partition for each in gone} & self.lanes.keys()
        lost = {number for number in numbers if not await self._is_ours(self.lanes[number])}
        try:
            await self._closing(numbers, lost)
            for number in numbers - lost:
                self.lanes[number].written()
                await self._committed(self.lanes[number])
        except Exception as fault:  # noqa: BLE001 - not written: the next owner delivers it again
            log.warning("feed.left", code=type(fault).__name__)
        for number in numbers:
            self.lanes.pop(number, None)

    async def _is_ours(self, lane: Lane) -> bool:
        try:
            await self._committed(lane)
        except (NotOurs, KafkaUnavailable):
            return False
        return True
