"""Deliver one feed: hand its releases over, through its connector, in order for each alert.

An alert that fails waits aside for its next attempt while others are tried: what passes beside
it tells whether the recipient is away, or this one is at fault. At least once, under one
idempotency key.
"""

import asyncio
from collections.abc import Iterator

import structlog

from broker.clock import steady_seconds
from broker.connector import Connector
from broker.errors import OF_BYTES, KafkaUnavailable
from broker.metrics.delivery import count_failed_attempt, show_state
from broker.metrics.registry import count_error
from broker.model.reason import Reason
from broker.pipeline.breaker import Breaker
from broker.pipeline.delivery_desk import Desk, FeedStatus
from broker.pipeline.feed_attempt import OUR_OWN, Attempt, Failed
from broker.pipeline.feed_ends import FeedEnds
from broker.pipeline.feed_partitions import FeedPartitions, Lane
from broker.pipeline.handover import HandingOver
from broker.pipeline.obeying import Obeying
from broker.pipeline.open_release import ReleaseOpener
from broker.pipeline.owed import OwedRecalls
from broker.pipeline.project import read_release
from broker.pipeline.reseal import Resealer
from broker.pipeline.waiting_room import Item, Waiting, WaitingRoom
from broker.protect.recall_seal import RecallSigner
from broker.wire.consumer import ConsumerRecord, NotOurs

log = structlog.get_logger()

_LEDGER_AGAIN_SECONDS = 0.5
_RESTART_SECONDS = 2.0
_COMMANDS_AGAIN_SECONDS = 30.0
_LONGEST_POLL_SECONDS = 0.5
#: Failures in a row that tell an outage from one release at fault.
_OUTAGE_FAILURES = 2


class FeedDelivery:
    """Delivers one feed, and keeps its *status*."""

    def __init__(
        self,
        desk: Desk,
        feed: str,
        connector: Connector,
        status: FeedStatus,
        opener: ReleaseOpener | None = None,
        resealer: Resealer | None = None,
        signer: RecallSigner | None = None,
    ) -> None:
        self._feed = feed
        self._connector = connector
        self._ends = FeedEnds(desk, feed, status, opener.register if opener else None)
        self._partitions = FeedPartitions(desk, feed, self._opened, self._closing)
        handing = HandingOver(desk, feed, connector, self._partitions, opener, resealer)
        self._attempt = Attempt(feed, handing, self._ends)
        self._owed = OwedRecalls(desk, feed, signer)
        self._room = WaitingRoom(desk.patience)
        self._obeying = Obeying(desk, feed, self._ends, self._room)
        self._breaker = Breaker(desk.patience)
        self._not_before = 0.0
        self._obey_after = 0.0
        self._outage_ended = True  # what went aside before a restart is tried again, too
        self.status = status
        show_state(feed, lambda: status.state, self._room.recalls)

    async def run(self) -> None:
        """Deliver until cancelled; start anew after any fault."""
        try:
            while True:
                try:
                    await self._connector.open()
                    await self._run_once()
                except Exception as fault:  # noqa: BLE001 - nothing is committed, nothing lost
                    code = type(fault).__name__
                    count_error("deliver", code)
                    log.error("deliver.restarted", feed=self._feed, code=code)  # noqa: TRY400
                    await self._connector.close()
                    await asyncio.sleep(_RESTART_SECONDS)
        finally:
            await self._connector.close()

    async def _run_once(self) -> None:
        self._ends.forget()
        self._room.clear()
        self._obeying.begin()
        try:
            await self._partitions.start()
            while True:
                try:
                    await self._turn()
                except OUR_OWN as ours:
                    await self._await_ourselves(ours)
        finally:
            await self._partitions.stop()

    async def _turn(self) -> None:
        await self._partitions.open_waiting()
        seconds = self._idle_seconds()
        if self._has_fresh or self._room.is_full:
            await asyncio.sleep(seconds)
        else:
            await self._partitions.fetch(round(seconds * 1000))
        try:
            await self._obey()
            if steady_seconds() >= self._not_before and not self._obeying.is_paused:
                await self._hand_over()
        finally:
            await self._write()
            self._show()

    @property
    def _has_fresh(self) -> bool:
        return any(lane.fresh for lane in self._partitions.lanes.values())

    def _idle_seconds(self) -> float:
        """Return how long there is nothing to do but to read."""
        now, due = steady_seconds(), self._room.next_at()
        if self._has_fresh and not self._room.is_full:
            due = now
        if due is None:
            return _LONGEST_POLL_SECONDS
        return min(max(due - now, self._not_before - now, 0.0), _LONGEST_POLL_SECONDS)

    async def _obey(self) -> None:
        """Do what operators want with this feed."""
        if self._obeying.is_hurried():
            await self._connector.close()
            await self._connector.open()
            self._breaker.succeeded()
            self._not_before = 0.0
            self._room.hurry()
            self._outage_ended = True
        if steady_seconds() < self._obey_after:
            return
        async with self._partitions.turning():
            try:
                if self._outage_ended:
                    await self._obeying.replay_doubtful(set(self._partitions.lanes))
                    self._outage_ended = False
                for number in list(self._partitions.lanes):
                    await self._obeying.obey(number)
            except KafkaUnavailable as away:  # a right that is missing stops nothing else
                log.warning("feed.commands_wait", feed=self._feed, code=away.code)
                self._obey_after = steady_seconds() + _COMMANDS_AGAIN_SECONDS

    async def _hand_over(self) -> None:
        """Try what is due until one fails, then what is new until one fails."""
        for waiting in self._room.due():
            if not await self._advance(waiting):
                break
        for lane, record in self._fresh():
            if not await self._take(lane, record):
                break

    def _fresh(self) -> Iterator[tuple[Lane, ConsumerRecord]]:
        for number, lane in list(self._partitions.lanes.items()):
            while lane.fresh and not self._room.is_full and not self._asked_to_wait:
                if self._partitions.lanes.get(number) is not lane:
                    break  # lost meanwhile: what was read of it is its next owner's
                yield lane, lane.fresh[0]

    @property
    def _asked_to_wait(self) -> bool:
        return self._breaker.was_asked and steady_seconds() < self._not_before

    async def _take(self, lane: Lane, record: ConsumerRecord) -> bool:
        """Look at a record for the first time; return whether the recipient failed at nothing."""
        try:
            async with self._partitions.held(record.partition):
                item = await self._to_be_handed_over(record)
                lane.fresh.popleft()
                if item is None:
                    lane.done(record)
                    return True
                waiting = self._room.put(item)
        except NotOurs:
            self._lose(record.partition)
            return True
        return await self._advance(waiting)

    async def _to_be_handed_over(self, record: ConsumerRecord) -> Item | None:
        """Return the release in *record*, or None where it has come to its end before."""
        try:
            release = read_release(record.value or b"")
        except OF_BYTES as fault:
            await self._ends.set_aside(record, fault.reason)
            return None
        item = Item(release, record)
        mark = self._ends.mark(release)
        if mark and mark.place >= release.place:
            self._ends.record_again(item, mark)
            return None  # it ended before a restart: places only ever rise
        if mark and mark.state == "PARKED" and not item.is_recall and not self._room.of(release):
            await self._ends.park(item, Reason.PARKED_BEHIND, "", 0)
            return None
        return item

    async def _advance(self, waiting: Waiting) -> bool:
        """Hand over what waits of one alert, in order; return whether none of it failed."""
        number = waiting.head.record.partition
        try:
            while self._room.of(waiting.head.release) is waiting:
                async with self._partitions.held(number) as lane:
                    failed = await self._attempt.of(waiting)
                    if failed is not None and not await self._fail(lane, waiting, failed):
                        return False
                    self._finish(lane, waiting, took=failed is None)
                    if not waiting.queue:
                        return True
        except NotOurs:
            self._lose(number)
        return True

    def _finish(self, lane: Lane, waiting: Waiting, *, took: bool) -> None:
        """Drop the first of *waiting*, which came to its end."""
        item = waiting.head
        lane.done(item.record)
        if took and self._attempt.took_last:
            outage = self._breaker.failures >= _OUTAGE_FAILURES
            self._breaker.succeeded()
            self._not_before = 0.0
            self._outage_ended = self._outage_ended or outage
            self._room.took(item.release.identity, after_outage=outage)
        self._room.ended(waiting)

    async def _fail(self, lane: Lane, waiting: Waiting, failed: Failed) -> bool:
        """Note that the first of *waiting* was not taken; return whether it ended so."""
        seconds = self._breaker.failed(failed.asked_seconds)
        self._not_before = steady_seconds() + seconds
        count_failed_attempt(self._feed, failed.code)
        log.warning(
            "recipient.unavailable", feed=self._feed, code=failed.code,
            failures=self._breaker.failures,
        )  # fmt: skip
        self._room.failed(waiting, failed.code, refused=failed.refused, ours=failed.ours)
        if waiting.head.is_recall:
            await self._ends.owe(waiting.head)
            lane.done(waiting.head.record)
        reason = self._room.aside(waiting)
        if reason is None:
            return False
        await self._ends.park(waiting.head, reason, waiting.code, waiting.attempts)
        return True

    async def _write(self) -> None:
        """Write every end, and commit how far each partition is done."""
        async with self._partitions.turning():
            for number in self._ends.partitions():
                if not await self._partitions.is_ours(number):
                    self._lose(number)
            await self._ends.flush()
            for number in await self._partitions.commit():
                self._lose(number)

    async def _opened(self, number: int) -> None:
        self._obeying.begin()
        for item in self._owed.of(number):
            self._room.put(item)

    async def _closing(self, numbers: set[int], lost: set[int]) -> None:
        for number in lost:
            self._ends.disown(number)
        self._room.forget(numbers)
        await self._ends.flush()

    def _lose(self, number: int) -> None:
        log.info("feed.left", feed=self._feed, partition=number)
        self._ends.disown(number)
        self._room.forget({number})
        self._partitions.lose(number)

    async def _await_ourselves(self, fault: Exception) -> None:
        """Wait a little: the recipient is well, and must not be left alone for our own delay."""
        code = str(fault).partition(":")[0] or "LEDGER_BEHIND"
        count_failed_attempt(self._feed, code)
        if self.status.state == "delivering":
            log.warning("delivery.delayed", feed=self._feed, code=code)
        self._show(waiting=True)
        await asyncio.sleep(_LEDGER_AGAIN_SECONDS)

    def _show(self, *, waiting: bool = False) -> None:
        if self._obeying.is_paused:
            self.status.state = "paused"
        elif self._breaker.is_open:
            self.status.state = "open"
        else:
            self.status.state = "waiting" if waiting or self._breaker.failures else "delivering"
        self.status.oldest_waiting_ms = self._room.oldest_ms()
