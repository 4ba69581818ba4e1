"""How a release of one feed ends: delivered, kept back, parked, or set aside unread.

Each end is written once, as `DeliveryWriter` keeps it, and counts once it is written.
"""

import dataclasses
from collections import Counter
from typing import Any

import structlog

from broker.metrics.delivery import count_ends
from broker.model.reason import Reason
from broker.model.release import Release
from broker.pipeline.delivery_desk import Desk, FeedStatus
from broker.pipeline.delivery_records import (
    dead_letter,
    delivery_entry,
    delivery_mark,
    original_of,
    unreadable_entry,
)
from broker.pipeline.delivery_writer import DeliveryWriter, Entry
from broker.pipeline.holding import Mark
from broker.pipeline.waiting_room import Item
from broker.protect.register import RegisterOf
from broker.wire.consumer import ConsumerRecord

log = structlog.get_logger()


#: States whose audit entry has another name.
_KINDS = {"PARKED": "DEAD_LETTERED", "DROPPED": "NOT_DELIVERED", "GIVEN_UP": "NOT_DELIVERED"}


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
        self._moment = 0  # of the entry that was made last, epoch milliseconds

    def mark(self, release: Release) -> Mark | None:
        """Return what became of the latest release of the same alert to this feed."""
        return self._writer.mark(release)

    def forget(self) -> None:
        """Drop what was not flushed: it will be delivered, and recorded, once more."""
        self._writer.forget()
        self._ended.clear()

    def partitions(self) -> set[int]:
        """Return the partitions of which something is not written yet."""
        return self._writer.partitions()

    def disown(self, partition: int) -> None:
        """Leave the ends of *partition* that are not written to its new owner."""
        self._writer.disown(partition)

    async def flush(self) -> None:
        """Write every end that is not written yet; only then does it count."""
        await self._writer.flush()
        for (end, _), count in self._ended.items():
            setattr(self._status, end, getattr(self._status, end) + count)
        count_ends(self._feed, self._ended)
        self._ended.clear()

    async def delivered(self, item: Item, reference: str, attempts: int) -> None:
        """Record that the recipient took *item*."""
        value = self._entry("DELIVERED", item.release, reference=reference, attempts=attempts)
        await self._settle(item, Entry(value, handed_over=True), "DELIVERED", held=True)
        self._ended["delivered", ""] += 1

    async def stay(self, item: Item, reason: Reason, attempts: int) -> None:
        """Record that *item* may no longer be delivered."""
        entry = self._entry("NOT_DELIVERED", item.release, reason=reason, attempts=attempts)
        await self._settle(item, Entry(entry), "NOT_DELIVERED", reason=reason)
        self._ended["not_delivered", reason.value] += 1

    async def owe(self, item: Item) -> None:
        """Record that the recall *item* is owed: the ledger keeps it until it is taken."""
        mark = self.mark(item.release)
        if mark is None or mark.owed is None or mark.owed < item.release.revision:
            await self._settle(item, None, "OWED", owes=True)

    def is_forgotten(self, item: Item) -> bool:
        """Whether *item* is a recall that is kept in the ledger only, and no longer there."""
        if item.record.offset >= 0 or not item.is_recall:
            return False
        mark = self.mark(item.release)
        return mark is None or mark.owed is None

    async def forgotten(self, item: Item) -> None:
        """Record that the ledger forgot *item* before it was taken; it gets no new mark."""
        entry = self._entry("NOT_DELIVERED", item.release, reason=Reason.FORGOTTEN)
        self._writer.entry(item.record, Entry(entry))
        self._ended["not_delivered", Reason.FORGOTTEN.value] += 1

    def record_again(self, item: Item, mark: Mark) -> None:
        """Write the entry of an end that a crash may have left without one, as it was."""
        release = item.release
        if (mark.revision, mark.kind) != (release.revision, release.kind.value):
            return  # a later one ended too, and that waits for the entries before it
        if mark.state == "OWED":
            return  # it has not ended
        kind = _KINDS.get(mark.state, mark.state)
        reason = Reason(mark.reason) if mark.reason else None
        if mark.profile is not None:
            release = release._replace(profile=mark.profile)
        self._writer.entry(item.record, Entry(self._entry(kind, release, mark, reason=reason)))

    async def park(self, item: Item, reason: Reason, code: str, attempts: int) -> None:
        """Make *item* a dead letter, with *reason* and the connector's own *code*."""
        original = original_of(item.record, self._feed, self._register)
        letter = dead_letter(
            self._feed, item.release, original, self._desk.clock(), reason,
            code=code, attempts=attempts,
        )  # fmt: skip
        offset = await self._writer.dead_letter(item.record, letter)
        entry = self._entry("DEAD_LETTERED", item.release, reason=reason, attempts=attempts)
        await self._settle(item, Entry(entry), "PARKED", reason=reason, letter_offset=offset)
        log.warning("release.parked", feed=self._feed, reason=reason.value, code=code)
        self._ended["dead_lettered", reason.value] += 1

    async def drop(self, item: Item) -> None:
        """Record that an operator dropped the dead letter *item*."""
        entry = self._entry("NOT_DELIVERED", item.release, reason=Reason.DROPPED)
        await self._settle(item, Entry(entry), "DROPPED", reason=Reason.DROPPED)
        self._ended["not_delivered", Reason.DROPPED.value] += 1

    async def give_up(self, item: Item) -> None:
        """Record that an officer gave the recall *item* up: it is owed no more."""
        entry = self._entry("NOT_DELIVERED", item.release, reason=Reason.GIVEN_UP)
        await self._settle(item, Entry(entry), "GIVEN_UP", reason=Reason.GIVEN_UP)
        self._ended["not_delivered", Reason.GIVEN_UP.value] += 1

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
        self._writer.entry(keyless, Entry(entry))
        log.error("release.unreadable", feed=self._feed, reason=reason.value)
        self._ended["dead_lettered", reason.value] += 1

    def _entry(self, kind: str, release: Release, mark: Mark | None = None, **more: Any) -> bytes:
        """Return the entry of an end that comes now, or came when *mark* was written.

        The mark that is written with it has the same moment.
        """
        digest, now = self._desk.decider.bundle.digest, self._desk.clock()
        self._moment = now
        if mark is not None and mark.bundle_digest is not None:
            digest, now = mark.bundle_digest, mark.at
        return delivery_entry(kind, self._feed, release, now, digest, **more)

    async def _settle(
        self, item: Item, entry: Entry | None, state: str, *, held: bool = False,
        owes: bool = False, reason: Reason | None = None, letter_offset: int | None = None,
    ) -> None:  # fmt: skip
        before, digest = self.mark(item.release), self._desk.decider.bundle.digest
        now = self._moment if entry is not None else self._desk.clock()
        mark = delivery_mark(
            self._feed, item.release, state, now, digest,
            held=held or (before is not None and before.held),
            owed=(item.release.revision, now) if owes else _still_owed(before, item),
            reason=reason, letter_offset=letter_offset,
        )  # fmt: skip
        await self._writer.settle(item.record, mark, entry)


def _still_owed(before: Mark | None, item: Item) -> tuple[int, int] | None:
    """Return the recall that is owed still, after *item* has come to its end."""
    if before is None or before.owed is None:
        return None
    if item.is_recall and item.release.revision >= before.owed:
        return None
    return (before.owed, before.owed_at)
