"""Deliver: hand the releases of each feed over, through its connector, in order.

Every feed has a task of its own, so a dead partner delays nobody else. Before each attempt
the ledger and the bundle are asked again. At least once, under one idempotency key.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from broker.clock import epoch_ms
from broker.connector import Connector
from broker.errors import RecipientRefused, RecipientUnavailable, Rejected
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.pipeline.breaker import DEFAULT_PATIENCE, Breaker, Patience, RefusalGauge
from broker.pipeline.delivery_records import (
    dead_letter,
    delivery_entry,
    delivery_mark,
    unreadable_entry,
)
from broker.pipeline.holdings import Holdings
from broker.pipeline.project import read_release
from broker.pipeline.redecide import Stay, redecide
from broker.policy.decide import Decider
from broker.wire import codec
from broker.wire.connection import Connection
from broker.wire.consumer import PATIENT_MS, ConsumerRecord, group_consumer
from broker.wire.partition import Target
from broker.wire.producer import idempotent_producer
from broker.wire.topics import Topics

log = structlog.get_logger()

_LEDGER_SECONDS = 10.0
_RESTART_SECONDS = 2.0
_RECORDS_A_POLL = 100


class FeedStopped(Exception):
    """The recipient refuses one release after another: an operator must look."""


@dataclass(slots=True)
class FeedStatus:
    """How a feed is doing.

    Attributes:
        state: delivering, waiting (recipient unavailable), open (breaker), stopped.
        oldest_waiting_ms: When the release that waits was written, epoch ms, or None.
    """

    state: str = "delivering"
    delivered: int = 0
    not_delivered: int = 0
    dead_lettered: int = 0
    oldest_waiting_ms: int | None = None


@dataclass(slots=True)
class _Parts:
    """What the tasks of all feeds share."""

    connection: Connection
    topics: Topics
    decider: Decider
    clock: Callable[[], int]
    patience: Patience
    holdings: Holdings
    producer: Any = field(default=None)


class FeedDelivery:
    """Delivers one feed."""

    def __init__(self, parts: _Parts, feed: str, connector: Connector) -> None:
        self._parts = parts
        self._feed = feed
        self._connector = connector
        self._breaker = Breaker(parts.patience)
        self._refusals = RefusalGauge()
        self.status = FeedStatus()

    async def run(self) -> None:
        """Deliver until cancelled; start anew after any fault but a wave of refusals."""
        await self._connector.open()
        try:
            while True:
                try:
                    await self._run_once()
                except FeedStopped:
                    self.status.state = "stopped"
                    log.error("feed.stopped", feed=self._feed, reason="REFUSALS")  # noqa: TRY400
                    return
                except Exception as fault:  # noqa: BLE001 - nothing is committed, nothing lost
                    code = type(fault).__name__
                    log.error("deliver.restarted", feed=self._feed, code=code)  # noqa: TRY400
                    await asyncio.sleep(_RESTART_SECONDS)
        finally:
            await self._connector.close()

    async def _run_once(self) -> None:
        topics = self._parts.topics
        group = topics.deliver_group(self._feed)
        consumer = group_consumer(self._parts.connection, group, PATIENT_MS)
        await consumer.start()
        try:
            consumer.subscribe([topics.feed(self._feed)])
            while True:
                fetched = await consumer.getmany(timeout_ms=500, max_records=_RECORDS_A_POLL)
                for partition, records in fetched.items():
                    for record in records:
                        await self._take(record)
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
        mark = self._parts.holdings.mark(release.alert_id, self._feed)
        if mark and (mark.revision, mark.kind) == (release.revision, release.kind.value):
            return  # recorded before a restart
        if mark and mark.state == "PARKED" and not (_is_recall(release) and mark.held):
            await self._park(release, record, Reason.PARKED_BEHIND, "", 0)
            return
        await self._deliver(release, record)

    async def _deliver(self, release: Release, record: ConsumerRecord) -> None:
        attempts = 0
        while True:
            verdict = await self._verdict(release)
            if verdict is None:
                await self._wait(record, self._breaker.failed())
                continue
            if isinstance(verdict, Stay):
                await self._record_stay(release, record, verdict.reason, attempts)
                return
            attempts += 1
            try:
                receipt = await self._connector.deliver(verdict.release)
            except RecipientRefused as refused:
                await self._refused(release, record, refused, attempts)
                return
            except RecipientUnavailable as away:
                await self._away(record, away.code, away.retry_after_seconds)
            except Exception as fault:  # noqa: BLE001 - an unforeseen fault must not lose it
                await self._away(record, f"UNEXPECTED_{type(fault).__name__}", None)
            else:
                self._breaker.succeeded()
                self._refusals.note(refused=False)
                await self._delivered(verdict.release, record, receipt.reference, attempts)
                return

    async def _verdict(self, release: Release) -> Any:
        holding = await self._parts.holdings.wait_for(
            release.alert_id, release.revision, _LEDGER_SECONDS
        )
        if holding is None:
            log.warning("ledger.behind", feed=self._feed, alert_id=str(release.alert_id))
            return None
        now = self._parts.clock()
        return redecide(release, self._feed, holding, self._parts.decider, now)

    async def _away(self, record: ConsumerRecord, code: str, asked: float | None) -> None:
        seconds = self._breaker.failed(asked)
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
        entry = self._entry("DELIVERED", release, reference=reference, attempts=attempts)
        await self._write(release, record, entry, "DELIVERED", held=True)
        self.status.delivered += 1

    async def _record_stay(
        self, release: Release, record: ConsumerRecord, reason: Reason, attempts: int
    ) -> None:
        entry = self._entry("NOT_DELIVERED", release, reason=reason, attempts=attempts)
        await self._write(release, record, entry, "NOT_DELIVERED", held=self._holds(release))
        self.status.not_delivered += 1

    async def _refused(
        self, release: Release, record: ConsumerRecord, refused: RecipientRefused, attempts: int
    ) -> None:
        self._breaker.succeeded()
        if self._refusals.note(refused=True):
            raise FeedStopped
        await self._park(release, record, Reason.RECIPIENT_REFUSED, refused.code, attempts)

    async def _park(
        self, release: Release, record: ConsumerRecord, reason: Reason, code: str, attempts: int
    ) -> None:
        now = self._parts.clock()
        letter = dead_letter(
            self._feed, release, release.value, now, reason, code=code, attempts=attempts
        )
        await self._send(self._parts.topics.dead_letter(self._feed), record, letter)
        entry = self._entry("DEAD_LETTERED", release, reason=reason, attempts=attempts)
        await self._write(release, record, entry, "PARKED", held=self._holds(release))
        log.warning("release.parked", feed=self._feed, reason=reason.value, code=code)
        self.status.dead_lettered += 1

    async def _set_aside_unreadable(self, record: ConsumerRecord, reason: Reason) -> None:
        now, value = self._parts.clock(), record.value or b""
        letter = dead_letter(self._feed, None, value, now, reason)
        await self._send(self._parts.topics.dead_letter(self._feed), record, letter)
        entry = unreadable_entry(self._feed, value, now, reason)
        await self._parts.producer.send_and_wait(self._parts.topics.audit, entry, key=record.key)
        log.error("release.unreadable", feed=self._feed, reason=reason.value)
        self.status.dead_lettered += 1

    def _holds(self, release: Release) -> bool:
        mark = self._parts.holdings.mark(release.alert_id, self._feed)
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
        digest = self._parts.decider.bundle.digest
        now = self._parts.clock()
        return delivery_entry(
            kind, self._feed, release, now, digest,
            reason=reason, reference=reference, attempts=attempts,
        )  # fmt: skip

    async def _write(
        self, release: Release, record: ConsumerRecord, entry: bytes, state: str, *, held: bool
    ) -> None:
        """Write the audit entry, then the mark: a mark means that the entry is there."""
        topics, producer = self._parts.topics, self._parts.producer
        await producer.send_and_wait(topics.audit, entry, key=record.key)
        mark = delivery_mark(self._feed, release, state, self._parts.clock(), held=held)
        key = f"{release.alert_id}/{self._feed}".encode()
        value = codec.encode("delivery-mark", mark)
        await producer.send_and_wait(topics.ledger, value, key=key, partition=record.partition)
        self._parts.holdings.note(mark)

    async def _send(self, topic: str, record: ConsumerRecord, value: bytes) -> None:
        target = Target(topic, record.partition)
        await self._parts.producer.send_and_wait(
            target.topic, value, key=record.key, partition=target.partition
        )


def _is_recall(release: Release) -> bool:
    return release.kind is ReleaseKind.RECALL


class Deliver:
    """The role that delivers, for every feed that has a connector.

    Args:
        connection: Lali's own cluster.
        topics: Its topics.
        decider: The bundle of today.
        connectors: The connector of each feed.
        clock: Epoch milliseconds.
        patience: How to wait for recipients.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        decider: Decider,
        connectors: Mapping[str, Connector],
        clock: Callable[[], int] = epoch_ms,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        holdings = Holdings(connection, topics)
        self._parts = _Parts(connection, topics, decider, clock, patience, holdings)
        self._feeds = {
            feed: FeedDelivery(self._parts, feed, connector)
            for feed, connector in connectors.items()
        }
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end; what is under way is delivered again later, under the same key."""
        self._stopping.set()

    def status(self) -> dict[str, FeedStatus]:
        """Return how each feed is doing."""
        return {feed: delivery.status for feed, delivery in self._feeds.items()}

    async def run(self) -> None:
        """Deliver until stopped.

        Raises:
            Exception: The ledger can no longer be followed; nothing may be delivered blind.
        """
        self._parts.producer = idempotent_producer(self._parts.connection)
        await self._parts.producer.start()
        following = asyncio.create_task(self._parts.holdings.follow())
        deliveries = [asyncio.create_task(self._run_feed(d)) for d in self._feeds.values()]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            for task in (following, stopping, *deliveries):
                task.cancel()
            await asyncio.gather(following, stopping, *deliveries, return_exceptions=True)
            await self._parts.producer.stop()

    async def _run_feed(self, delivery: FeedDelivery) -> None:
        await self._parts.holdings.ready()
        await delivery.run()
