"""Deliver one feed: hand its releases over, through its connector, in order.

Before each attempt the ledger and the bundle are asked again. At least once, under one
idempotency key.
"""

import asyncio
import dataclasses
from collections import Counter

import structlog

from broker.connector import Connector
from broker.errors import RecipientRefused, RecipientUnavailable, Rejected
from broker.metrics.delivery import count_ends, count_failed_attempt, show_state
from broker.metrics.registry import count_error
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.pipeline.breaker import Breaker, RefusalGauge
from broker.pipeline.delivery_desk import Desk, FeedStatus
from broker.pipeline.delivery_records import (
    dead_letter,
    delivery_entry,
    original_of,
    unreadable_entry,
)
from broker.pipeline.delivery_writer import DeliveryWriter
from broker.pipeline.holdings import LedgerBehind, Mark
from broker.pipeline.open_release import ReleaseOpener
from broker.pipeline.project import opened, read_release, resealed
from broker.pipeline.redecide import Handover, Stay, redecide
from broker.pipeline.reseal import Resealer
from broker.tracing import span
from broker.wire.consumer import PATIENT_MS, ConsumerRecord, group_consumer

log = structlog.get_logger()

_LEDGER_SECONDS = 10.0
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
        self._register = opener.register if opener else None
        self._writer = DeliveryWriter(desk.producer, desk.topics, feed, desk.holdings)
        self._breaker = Breaker(desk.patience)
        self._refusals = RefusalGauge()
        self._ended: Counter[tuple[str, str]] = Counter()
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
        self._writer.forget()
        self._ended.clear()
        await consumer.start()
        try:
            consumer.subscribe([topics.feed(self._feed)])
            while True:
                fetched = await consumer.getmany(timeout_ms=500, max_records=_RECORDS_A_POLL)
                for partition, records in fetched.items():
                    for record in records:
                        await self._take(record)
                    await self._flush()
                    await consumer.commit({partition: records[-1].offset + 1})
        finally:
            await consumer.stop()

    async def _take(self, record: ConsumerRecord) -> None:
        try:
            release = read_release(record.value or b"")
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is no release
            reason = fault.reason if isinstance(fault, Rejected) else Reason.UNEXPECTED
            await self._set_aside_unreadable(record, reason)
            return
        mark = self._writer.mark(release)
        if mark and mark.revision >= release.revision:
            self._record_again(release, record, mark)
            return  # it ended before a restart: revisions of one alert only ever rise
        if mark and mark.state == "PARKED" and not (_is_recall(release) and mark.held):
            await self._park(release, record, Reason.PARKED_BEHIND, "", 0)
            return
        await self._deliver(release, record)

    def _record_again(self, release: Release, record: ConsumerRecord, mark: Mark) -> None:
        """Write the entry of an end that a crash may have left without one."""
        if (mark.revision, mark.kind) != (release.revision, release.kind.value):
            return  # a later one ended too, and that waits for the entries before it
        kind = "DEAD_LETTERED" if mark.state == "PARKED" else mark.state
        reason = Reason(mark.reason) if mark.reason else None
        self._writer.entry(record, self._entry(kind, release, reason=reason))

    async def _deliver(self, release: Release, record: ConsumerRecord) -> None:
        attempts = 0
        while True:
            try:
                verdict = await self._verdict(release)
                if isinstance(verdict, Stay):
                    await self._record_stay(release, record, verdict.reason, attempts)
                    return
                attempts += 1
                with span("deliver.attempt", feed=self._feed, attempt=attempts):
                    receipt = await self._connector.deliver(verdict.release)
            except LedgerBehind:
                await self._away(record, "LEDGER_BEHIND", None)
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
        if release.kind is ReleaseKind.RECALL:
            return Handover(release)  # whoever may hold anything must learn of it
        holding = await self._desk.holdings.find(
            release.alert_id, release.revision, _LEDGER_SECONDS
        )
        if holding is None:
            return Stay(Reason.FORGOTTEN)  # long past its expiry and its retention
        now = self._desk.clock()
        verdict = redecide(release, self._feed, holding, self._desk.decider, now)
        if isinstance(verdict, Handover) and self._opener is not None:
            return Handover(self._ready(verdict.release, narrowed=verdict.release is not release))
        return verdict

    def _ready(self, release: Release, *, narrowed: bool) -> Release:
        """Return *release* opened where its feed is entrusted, and else sealed for what is left."""
        assert self._opener is not None
        plain = opened(release, self._opener)
        if narrowed and plain is release and self._resealer is not None:
            return resealed(release, self._resealer)
        return plain

    async def _flush(self) -> None:
        """Write every end that is not written yet; only then does it count."""
        await self._writer.flush()
        for (end, _), count in self._ended.items():
            setattr(self.status, end, getattr(self.status, end) + count)
        count_ends(self._feed, self._ended)
        self._ended.clear()

    async def _away(self, record: ConsumerRecord, code: str, asked: float | None) -> None:
        await self._flush()  # the wait may be long; what is done is recorded before it
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
        entry = self._entry("DELIVERED", release, reference=reference, attempts=attempts)
        await self._settle(release, record, entry, "DELIVERED", held=True)
        self._ended["delivered", ""] += 1

    async def _record_stay(
        self, release: Release, record: ConsumerRecord, reason: Reason, attempts: int
    ) -> None:
        entry = self._entry("NOT_DELIVERED", release, reason=reason, attempts=attempts)
        held = self._holds(release)
        await self._settle(release, record, entry, "NOT_DELIVERED", held=held, reason=reason)
        self._ended["not_delivered", reason.value] += 1

    async def _not_opened(
        self, release: Release, record: ConsumerRecord, reason: Reason, attempts: int
    ) -> None:
        """What was erased is gone; what should open and does not waits for an operator."""
        if reason is Reason.ERASED:
            await self._record_stay(release, record, reason, attempts)
        else:
            await self._park(release, record, reason, "", attempts)

    async def _refused(
        self, release: Release, record: ConsumerRecord, refused: RecipientRefused, attempts: int
    ) -> None:
        self._breaker.succeeded()
        if self._refusals.note(refused=True):
            await self._flush()  # this release waits; those before it are done with
            raise FeedStopped
        await self._park(release, record, Reason.RECIPIENT_REFUSED, refused.code, attempts)

    async def _park(
        self, release: Release, record: ConsumerRecord, reason: Reason, code: str, attempts: int
    ) -> None:
        now = self._desk.clock()
        original = original_of(record, self._feed, self._register)
        letter = dead_letter(
            self._feed, release, original, now, reason, code=code, attempts=attempts
        )
        await self._writer.dead_letter(record, letter)
        entry = self._entry("DEAD_LETTERED", release, reason=reason, attempts=attempts)
        held = self._holds(release)
        await self._settle(release, record, entry, "PARKED", held=held, reason=reason)
        log.warning("release.parked", feed=self._feed, reason=reason.value, code=code)
        self._ended["dead_lettered", reason.value] += 1

    async def _set_aside_unreadable(self, record: ConsumerRecord, reason: Reason) -> None:
        now = self._desk.clock()
        original = original_of(record, self._feed, self._register)
        # Its key was never checked and may be anything: it keys nothing.
        keyless = dataclasses.replace(record, key=None)
        await self._writer.dead_letter(
            keyless, dead_letter(self._feed, None, original, now, reason)
        )
        entry = unreadable_entry(self._feed, record.partition, record.offset, now, reason)
        self._writer.entry(keyless, entry)
        log.error("release.unreadable", feed=self._feed, reason=reason.value)
        self._ended["dead_lettered", reason.value] += 1

    def _holds(self, release: Release) -> bool:
        mark = self._writer.mark(release)
        return mark is not None and mark.held

    def _entry(
        self,
        kind: str,
        release: Release,
        *,
        reason: Reason | None = None,
        reference: str | None = None,
        attempts: int = 0,
    ) -> bytes:
        digest = self._desk.decider.bundle.digest
        now = self._desk.clock()
        return delivery_entry(
            kind, self._feed, release, now, digest,
            reason=reason, reference=reference, attempts=attempts,
        )  # fmt: skip

    async def _settle(
        self,
        release: Release,
        record: ConsumerRecord,
        entry: bytes,
        state: str,
        *,
        held: bool,
        reason: Reason | None = None,
    ) -> None:
        now = self._desk.clock()
        await self._writer.settle(release, record, entry, state, now, held=held, reason=reason)


def _is_recall(release: Release) -> bool:
    return release.kind is ReleaseKind.RECALL
