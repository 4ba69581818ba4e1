"""What feeds are owed that could not be written: kept on the topic `owed`, written later.

A feed whose topic is missing, or that route may not write, is set aside: its releases and
recalls go to `owed`, in their order, and everybody else's flow. The ledger says from which
offset on; once the feed can be written, it gets what still stands and the mark goes. All of it
is in the lane's own transactions (docs/decisions/0023). So is a feed whose key has ended: its
releases wait, sealed for nobody, and are sealed anew for its next key; recalls need none, and
flow.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog

from broker.errors import Rejected
from broker.metrics.registry import count_error
from broker.model.reason import Reason
from broker.model.release import Release
from broker.pipeline.known import Audience
from broker.pipeline.ledger import Ledger
from broker.pipeline.project import Projector, read_release
from broker.pipeline.releases import Releases
from broker.pipeline.seal_release import ReleaseSealer
from broker.wire import codec
from broker.wire.consumer import ConsumerRecord
from broker.wire.outbox import Fanout, Outbox
from broker.wire.partition import Target
from broker.wire.topics import Topics

log = structlog.get_logger()

#: Header that names the feed of a record on `owed`: a release itself names none.
FEED_HEADER = "lali-feed"


class Owed:
    """The feeds of one lane that are set aside.

    Args:
        topics: The topics.
        partition: The lane's.
        ledger: Restored before: says which feeds are set aside.
        fanout_of: Where releases to some feeds go.
        sealer: Knows which feeds have no key; None where protection is off.
    """

    def __init__(
        self,
        topics: Topics,
        partition: int,
        ledger: Ledger,
        fanout_of: Callable[..., Fanout],
        sealer: ReleaseSealer | None = None,
    ) -> None:
        self._topics = topics
        self._partition = partition
        self._ledger_of_lane = ledger
        self._fanout_of = fanout_of
        self._owed = Fanout(Target(topics.owed, partition))
        self._ledger = Fanout(Target(topics.ledger, partition))
        self._audit = Fanout(Target(topics.audit, 0))
        self._sealer = sealer
        self._unsaid: set[str] = set()
        self._why: dict[str, Reason] = {}

    @property
    def feeds(self) -> dict[str, int]:
        """The feeds that are set aside, each with the offset from which it is owed."""
        return self._ledger_of_lane.owed

    def is_unwritable(self, feed: str) -> bool:
        """Whether *feed* was set aside since the start because it cannot be written."""
        return self._why.get(feed) is Reason.FEED_UNWRITABLE

    def set_aside(
        self, feeds: Iterable[str], offset: int, reason: Reason = Reason.FEED_UNWRITABLE
    ) -> None:
        """Set *feeds* aside: from *offset* on, `owed` holds what they have yet to get."""
        for feed in feeds:
            self._why[feed] = reason
            if feed not in self.feeds:
                count_error("route", reason.value)
                log.error(
                    "feed.set_aside", feed=feed, partition=self._partition, reason=reason.value
                )
                self.feeds[feed] = offset
                self._unsaid.add(feed)

    def require_keys(self, releases: Releases, audiences: Iterable[Audience]) -> None:
        """Ask whether everybody's releases can be sealed, or are set aside already.

        Raises:
            FeedsKeyless: Some cannot, and are not.
        """
        if releases.sealer is not None:
            feeds = (feed for audience in audiences for feed in audience.feeds)
            releases.sealer.require_keys(feed for feed in feeds if feed not in self.feeds)

    def say(self, outbox: Outbox, now: int) -> None:
        """Add to a transaction what it owes of feeds that were set aside since the last one."""
        for feed in sorted(self._unsaid):
            self._note(outbox, feed, self.feeds[feed])
            self._enter(outbox, "FEED_SET_ASIDE", feed, self.feeds[feed], now)

    def commit(self) -> None:
        """Take as said what `say` added."""
        self._unsaid.clear()

    def add(self, outbox: Outbox, feed: str, key: bytes, value: bytes) -> None:
        """Write a recall to *feed*, or to `owed` in its place."""
        if self._is_aside(feed, needs_key=False):
            _Aside(outbox, self._owed, feed).add(self._owed, key, value)
        else:
            outbox.add(self._fanout_of(feed), key, value)

    def write(
        self, releases: Releases, outbox: Outbox, projector: Projector, audience: Audience
    ) -> Release:
        """Write what *audience* receives, or is owed; return it."""
        needs_key = releases.sealer is not None
        aside = [feed for feed in audience.feeds if self._is_aside(feed, needs_key=needs_key)]
        if not aside:
            return releases.write(outbox, projector, audience)
        flowing = tuple(feed for feed in audience.feeds if feed not in aside)
        if flowing:
            releases.write(outbox, projector, self._only(audience, *flowing))
        for feed in aside:
            kept: Any = _Aside(outbox, self._owed, feed)
            release = releases.write(kept, projector, self._only(audience, feed))
        return release

    def pay(self, outbox: Outbox, feed: str, records: Sequence[ConsumerRecord], now: int) -> None:
        """Write what *records* of `owed` hold for *feed* to it, as far as it still stands.

        Raises:
            Rejected: KEY_EXPIRED, KEY_UNKNOWN: the feed has no key now.
            KeyMissing: An alert's key is not there, and nobody destroyed it.
        """
        fanout = self._fanout_of(feed)
        for record in records:
            reason = self._fallen(feed, record, now)
            if reason is None:
                value, reason = self._for_its_key(feed, record.value)
            if reason is None:
                outbox.add(fanout, record.key, value)
            else:
                self._skip(outbox, feed, record, reason, now)

    def _for_its_key(self, feed: str, value: bytes) -> tuple[bytes, Reason | None]:
        """Return a release as *feed* can open it, or why nobody can any more."""
        if self._sealer is None:
            return value, None
        try:
            return self._sealer.resealed(feed, value), None
        except Rejected as rejected:
            if rejected.reason is not Reason.ERASED:
                raise
            return value, Reason.ERASED

    def settle(self, outbox: Outbox, feed: str, offset: int | None, now: int) -> None:
        """Note that *feed* has all before *offset*; all of it where that is None."""
        self._note(outbox, feed, offset)
        if offset is None:
            self._enter(outbox, "FEED_RESUMED", feed, self.feeds[feed], now)

    def settled(self, feed: str, offset: int | None) -> None:
        """Take what `settle` noted as written."""
        if offset is not None:
            self.feeds[feed] = offset
            return
        del self.feeds[feed]
        self._why.pop(feed, None)
        log.warning("feed.resumed", feed=feed, partition=self._partition)

    def is_owed(self, feed: str, record: ConsumerRecord) -> bool:
        """Whether *record* of `owed` is *feed*'s, and not written to it yet."""
        named = dict(record.headers).get(FEED_HEADER)
        return named == feed.encode() and record.offset >= self.feeds[feed]

    def _is_aside(self, feed: str, *, needs_key: bool) -> bool:
        if feed not in self.feeds:
            return False
        only_keyless = self.is_keyless(feed) and not self.is_unwritable(feed)
        return needs_key or not only_keyless

    def is_keyless(self, feed: str) -> bool:
        """Whether *feed* has no key that counts."""
        return self._sealer is not None and feed in self._sealer.keyless

    def _only(self, audience: Audience, *feeds: str) -> Audience:
        return dataclasses.replace(audience, feeds=feeds, fanout=self._fanout_of(*feeds))

    def _fallen(self, feed: str, record: ConsumerRecord, now: int) -> Reason | None:
        """Return why *feed* gets a release no more; a recall it always gets."""
        release = codec.decode_trusted(record.value, "release")
        if release["kind"] == "RECALL":
            return None
        if release["label"]["expires_at"].timestamp() * 1000 <= now:
            return Reason.EXPIRED
        held = self._ledger_of_lane.get(release["alert_id"])
        shares = {holder.feed: holder for holder in held.holders} if held else {}
        share = shares.get(feed)
        if share is None:
            return Reason.FORGOTTEN
        if share.recalled:
            return Reason.RECALLED
        return Reason.SUPERSEDED if share.revision > release["revision"] else None

    def _skip(
        self, outbox: Outbox, feed: str, record: ConsumerRecord, reason: Reason, now: int
    ) -> None:
        release = read_release(record.value)
        entry = {
            **_entry("NOT_DELIVERED", feed, release.idempotency_key(feed), now),
            "alert_id": release.identity,
            "revision": release.revision,
            "release_kind": release.kind.value,
            "compartments": release.profile,
            "reason": reason.value,
        }
        outbox.add(self._audit, record.key, codec.encode("audit-entry", entry))

    def _note(self, outbox: Outbox, feed: str, offset: int | None) -> None:
        mark = {"feed": feed, "partition": self._partition, "offset": offset}
        value = None if offset is None else codec.encode("owed-mark", mark)
        outbox.add(self._ledger, f"owed/{feed}/{self._partition}".encode(), value)

    def _enter(self, outbox: Outbox, kind: str, feed: str, offset: int, now: int) -> None:
        entry = {
            **_entry(kind, feed, f"{self._partition}/{offset}", now),
            "source_topic": self._topics.owed,
            "source_partition": self._partition,
            "source_offset": offset,
            "reason": self._why.get(feed, Reason.FEED_UNWRITABLE).value,
        }
        outbox.add(self._audit, None, codec.encode("audit-entry", entry))


def _entry(kind: str, feed: str, what: str, now: int) -> dict[str, Any]:
    identity = hashlib.sha256(f"{kind}\n{feed}\n{what}".encode()).digest()[:16]
    return {
        "entry_id": identity, "kind": kind, "stage": "ROUTE", "at": now, "feed": feed,
        "recalled": [],
    }  # fmt: skip


class _Aside:
    """Takes what is written to a feed, and adds it to `owed` under the feed's name."""

    def __init__(self, outbox: Outbox, owed: Fanout, feed: str) -> None:
        self._outbox = outbox
        self._owed = owed
        self._headers = [(FEED_HEADER, feed.encode())]

    def add(self, _fanout: Fanout, key: bytes, value: bytes) -> None:
        self._outbox.add(self._owed, key, value, self._headers)

    def add_sealed(self, fanout: Fanout, key: bytes, value: bytes, ends: Sequence[bytes]) -> None:
        for end in ends:
            self.add(fanout, key, value[: len(value) - len(end)] + end)
