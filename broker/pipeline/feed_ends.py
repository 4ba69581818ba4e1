"""How a release of one feed ends: delivered, kept back, parked, or set aside unread.

Each end is written once, as `DeliveryWriter` keeps it, and counts once it is written.
"""

import dataclasses
from collections import Counter

import structlog

from broker.metrics.delivery import count_ends
from broker.model.reason import Reason
from broker.model.release import Release
from broker.pipeline.delivery_desk import Desk, FeedStatus
from broker.pipeline.delivery_records import (
    dead_letter,
    delivery_entry,
    original_of,
    unreadable_entry,
)
from broker.pipeline.delivery_writer import DeliveryWriter
from broker.pipeline.holding import Mark
from broker.protect.register import RegisterOf
from broker.wire.consumer import ConsumerRecord

log = structlog.get_logger()


class FeedEnds:
    """Writes the ends of one feed's releases, and counts them in its *status*.

    Args:
        desk: What all feeds share.
        feed: The feed.
        status: Where ends are counted.
        register: Keys to seal originals with; None where protection is off.
    """

    def __init__(
        self, desk: Desk, feed: str, status: FeedStatus, register: RegisterOf | None
    ) -> None:
        self._desk = desk
        self._feed = feed
        self._status = status
        self._register = register
        self._writer = DeliveryWriter(desk.producer, desk.topics, feed, desk.holdings)
        self._ended: Counter[tuple[str, str]] = Counter()

    def mark(self, release: Release) -> Mark | None:
        """Return what became of the latest release of the same alert to this feed."""
        return self._writer.mark(release)

    def forget(self) -> None:
        """Drop what was not flushed: it will be delivered, and recorded, once more."""
        self._writer.forget()
        self._ended.clear()

    async def flush(self) -> None:
        """Write every end that is not written yet; only then does it count."""
        await self._writer.flush()
        for (end, _), count in self._ended.items():
            setattr(self._status, end, getattr(self._status, end) + count)
        count_ends(self._feed, self._ended)
        self._ended.clear()

    async def delivered(
        self, release: Release, record: ConsumerRecord, reference: str, attempts: int
    ) -> None:
        """Record that the recipient took *release*."""
        entry = self._entry("DELIVERED", release, reference=reference, attempts=attempts)
        await self._settle(release, record, entry, "DELIVERED", held=True)
        self._ended["delivered", ""] += 1

    async def stay(
        self, release: Release, record: ConsumerRecord, reason: Reason, attempts: int
    ) -> None:
        """Record that *release* may no longer be delivered."""
        entry = self._entry("NOT_DELIVERED", release, reason=reason, attempts=attempts)
        held = self._holds(release)
        await self._settle(release, record, entry, "NOT_DELIVERED", held=held, reason=reason)
        self._ended["not_delivered", reason.value] += 1

    def record_again(self, release: Release, record: ConsumerRecord, mark: Mark) -> None:
        """Write the entry of an end that a crash may have left without one."""
        if (mark.revision, mark.kind) != (release.revision, release.kind.value):
            return  # a later one ended too, and that waits for the entries before it
        kind = "DEAD_LETTERED" if mark.state == "PARKED" else mark.state
        reason = Reason(mark.reason) if mark.reason else None
        self._writer.entry(record, self._entry(kind, release, reason=reason))

    async def park(
        self, release: Release, record: ConsumerRecord, reason: Reason, code: str, attempts: int
    ) -> None:
        """Make *release* a dead letter, with *reason* and the connector's own *code*."""
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

    async def set_aside(self, record: ConsumerRecord, reason: Reason) -> None:
        """Make a record that is no release a dead letter."""
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
