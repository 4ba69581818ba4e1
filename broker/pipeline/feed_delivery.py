"""Deliver one feed: hand its releases over, through its connector, in order.

Before each attempt the ledger and the bundle are asked again. At least once, under one
idempotency key.
"""

import asyncio

import structlog

from broker.connector import Connector
from broker.errors import (
    KafkaUnavailable,
    KeeperUnavailable,
    NotNow,
    RecipientRefused,
    RecipientUnavailable,
    Rejected,
)
from broker.metrics.delivery import count_failed_attempt, show_state
from broker.metrics.registry import count_error
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.pipeline.breaker import Breaker, RefusalGauge
from broker.pipeline.delivery_desk import Desk, FeedStatus
from broker.pipeline.feed_ends import FeedEnds
from broker.pipeline.holdings import LedgerBehind
from broker.pipeline.open_release import ReleaseOpener
from broker.pipeline.project import opened, read_release, resealed
from broker.pipeline.redecide import Handover, Stay, confirmed, redecide
from broker.pipeline.reseal import Resealer
from broker.tracing import span
from broker.wire.consumer import PATIENT_MS, ConsumerRecord, group_consumer

log = structlog.get_logger()

_LEDGER_SECONDS = 10.0
_LEDGER_AGAIN_SECONDS = 0.5
_RESTART_SECONDS = 2.0
_RECORDS_A_POLL = 100


class FeedStopped(Exception):
    """The recipient refuses one release after another: an operator must look."""


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
    ) -> None:
        self._desk = desk
        self._feed = feed
        self._connector = connector
        self._opener = opener
        self._resealer = resealer
        register = opener.register if opener else None
        self._ends = FeedEnds(desk, feed, status, register)
        self._breaker = Breaker(desk.patience)
        self._refusals = RefusalGauge()
        self.status = status
        show_state(feed, lambda: status.state)

    async def run(self) -> None:
        """Deliver until cancelled; start anew after any fault but a wave of refusals."""
        try:
            while True:
                try:
                    await self._connector.open()
                    await self._run_once()
                except FeedStopped:
                    self.status.state = "stopped"
                    log.error("feed.stopped", feed=self._feed, reason="REFUSALS")  # noqa: TRY400
                    return
                except Exception as fault:  # noqa: BLE001 - nothing is committed, nothing lost
                    code = type(fault).__name__
                    count_error("deliver", code)
                    log.error("deliver.restarted", feed=self._feed, code=code)  # noqa: TRY400
                    await self._connector.close()
                    await asyncio.sleep(_RESTART_SECONDS)
        finally:
            await self._connector.close()

    async def _run_once(self) -> None:
        topics = self._desk.topics
        group = topics.deliver_group(self._feed)
        consumer = group_consumer(self._desk.connection, group, PATIENT_MS)
        self._ends.forget()
        await consumer.start()
        try:
            consumer.subscribe([topics.feed(self._feed)])
            while True:
                fetched = await consumer.getmany(timeout_ms=500, max_records=_RECORDS_A_POLL)
                for partition, records in fetched.items():
                    for record in records:
                        await self._take(record)
                    await self._ends.flush()
                    await consumer.commit({partition: records[-1].offset + 1})
        finally:
            await consumer.stop()

    async def _take(self, record: ConsumerRecord) -> None:
        try:
            release = read_release(record.value or b"")
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is no release
            reason = fault.reason if isinstance(fault, Rejected) else Reason.UNEXPECTED
            await self._ends.set_aside(record, reason)
            return
        mark = self._ends.mark(release)
        if mark and (mark.revision, mark.kind == ReleaseKind.RECALL) >= release.place:
            self._ends.record_again(release, record, mark)
            return  # it ended before a restart: the places of one alert's releases only rise
        if mark and mark.state == "PARKED" and not (_is_recall(release) and mark.held):
            await self._ends.park(release, record, Reason.PARKED_BEHIND, "", 0)
            return
        await self._deliver(release, record)

    async def _deliver(self, release: Release, record: ConsumerRecord) -> None:
        attempts = 0
        while True:
            try:
                verdict = await self._verdict(release)
                if isinstance(verdict, Stay):
                    await self._stay(release, record, verdict.reason, attempts)
                    return
                attempts += 1
                with span("deliver.attempt", feed=self._feed, attempt=attempts):
                    receipt = await self._connector.deliver(verdict.release)
            except (LedgerBehind, KeeperUnavailable, NotNow, KafkaUnavailable) as ours:
                await self._await_ourselves(record, ours)
            except RecipientRefused as refused:
                await self._refused(release, record, refused, attempts)
                return
            except Rejected as rejected:
                await self._not_opened(release, record, rejected.reason, attempts)
                return
            except RecipientUnavailable as away:
                await self._away(record, away.code, away.retry_after_seconds)
            except Exception as fault:  # noqa: BLE001 - an unforeseen fault must not lose it
                await self._away(record, f"UNEXPECTED_{type(fault).__name__}", None)
            else:
                await self._delivered(verdict.release, record, receipt.reference, attempts)
                return

    async def _verdict(self, release: Release) -> Handover | Stay:
        if _is_recall(release) and self._is_signed(release):
            return Handover(release)  # whoever may hold anything must learn of it
        holdings = self._desk.holdings
        if _is_recall(release):
            newest = await holdings.latest(release.alert_id, _LEDGER_SECONDS)
            return confirmed(release, self._feed, newest)
        await self._desk.confirm()
        holding = await holdings.find(release.alert_id, release.revision, _LEDGER_SECONDS)
        if holding is None:
            return Stay(Reason.FORGOTTEN)  # long past its expiry and its retention
        now = self._desk.clock()
        verdict = redecide(release, self._feed, holding, self._desk.decider, now)
        if isinstance(verdict, Handover) and self._opener is not None:
            return Handover(self._ready(verdict.release, narrowed=verdict.release is not release))
        return verdict

    def _is_signed(self, recall: Release) -> bool:
        """Whether the hub signed *recall*, or nothing is signed here."""
        doubt = self._opener.doubt(recall.value) if self._opener else None
        if doubt is not None:
            log.warning("recall.doubtful", feed=self._feed, reason=doubt.value)
        return doubt is None

    def _ready(self, release: Release, *, narrowed: bool) -> Release:
        """Return *release* opened where its feed is entrusted, and else sealed for what is left."""
        assert self._opener is not None
        plain = opened(release, self._opener)
        if narrowed and plain is release and self._resealer is not None:
            return resealed(release, self._resealer)
        return plain

    async def _await_ourselves(self, record: ConsumerRecord, fault: Exception) -> None:
        """Wait a little: the recipient is well, and must not be left alone for our own delay."""
        await self._ends.flush()
        code = str(fault).partition(":")[0] or "LEDGER_BEHIND"
        count_failed_attempt(self._feed, code)
        log.warning("delivery.delayed", feed=self._feed, code=code)
        await self._wait(record, _LEDGER_AGAIN_SECONDS)

    async def _away(self, record: ConsumerRecord, code: str, asked: float | None) -> None:
        await self._ends.flush()  # the wait may be long; what is done is recorded before it
        seconds = self._breaker.failed(asked)
        count_failed_attempt(self._feed, code)
        log.warning(
            "recipient.unavailable", feed=self._feed, code=code, failures=self._breaker.failures
        )
        await self._wait(record, seconds)

    async def _wait(self, record: ConsumerRecord, seconds: float) -> None:
        self.status.state = "open" if self._breaker.is_open else "waiting"
        self.status.oldest_waiting_ms = record.timestamp
        await asyncio.sleep(seconds)
        self.status.state = "delivering"
        self.status.oldest_waiting_ms = None

    async def _delivered(
        self, release: Release, record: ConsumerRecord, reference: str, attempts: int
    ) -> None:
        self._breaker.succeeded()
        self._refusals.note(refused=False)
        await self._ends.delivered(release, record, reference, attempts)

    async def _stay(
        self, release: Release, record: ConsumerRecord, reason: Reason, attempts: int
    ) -> None:
        """What the ledger does not know is nobody's: it ends nothing, and an operator looks."""
        if reason in (Reason.LEDGER_DISAGREES, Reason.LEDGER_UNREADABLE):
            await self._ends.set_aside(record, reason)
        else:
            await self._ends.stay(release, record, reason, attempts)

    async def _not_opened(
        self, release: Release, record: ConsumerRecord, reason: Reason, attempts: int
    ) -> None:
        """What was erased is gone; what should open and does not waits for an operator."""
        if reason is Reason.ERASED:
            await self._ends.stay(release, record, reason, attempts)
        else:
            await self._ends.park(release, record, reason, "", attempts)

    async def _refused(
        self, release: Release, record: ConsumerRecord, refused: RecipientRefused, attempts: int
    ) -> None:
        self._breaker.succeeded()
        if self._refusals.note(refused=True):
            await self._ends.flush()  # this release waits; those before it are done with
            raise FeedStopped
        await self._ends.park(release, record, Reason.RECIPIENT_REFUSED, refused.code, attempts)


def _is_recall(release: Release) -> bool:
    return release.kind is ReleaseKind.RECALL
