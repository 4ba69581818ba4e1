"""Hand one release over: only while its partition is ours, by a ledger that is not old.

Both are asked before the attempt, and again by the connector just before content leaves it:
this process may be paused at any moment, for any time, while others go on.
"""

import structlog

from broker.clock import steady_seconds
from broker.connector import Connector, NotPermitted, permit_of
from broker.errors import KafkaUnavailable, NotNow
from broker.model.reason import Reason
from broker.model.release import Receipt, Release
from broker.pipeline.delivery_desk import Desk
from broker.pipeline.feed_partitions import FeedPartitions
from broker.pipeline.holdings import LedgerBehind
from broker.pipeline.open_release import ReleaseOpener
from broker.pipeline.project import opened, resealed
from broker.pipeline.redecide import Handover, Stay, confirmed, redecide
from broker.pipeline.reseal import Resealer
from broker.pipeline.waiting_room import Item
from broker.wire.consumer import NotOurs

log = structlog.get_logger()

#: What was asked for longer ago is asked for again before anything is handed over.
_ASKED_AGAIN_SECONDS = 1.0
#: Nothing is handed over by what was asked for longer ago, whatever held the answer up.
OLDEST_SECONDS = 5.0
_LEDGER_SECONDS = 10.0


class HandingOver:
    """Hands the releases of one feed to its connector.

    Args:
        desk: What all feeds share.
        feed: The feed.
        connector: Its connector.
        partitions: Those of the feed that are ours.
        opener: What opens its releases; None where protection is off.
        resealer: What seals anew what is left of one; None where it is off.
    """

    def __init__(
        self,
        desk: Desk,
        feed: str,
        connector: Connector,
        partitions: FeedPartitions,
        opener: ReleaseOpener | None,
        resealer: Resealer | None,
    ) -> None:
        self._desk = desk
        self._feed = feed
        self._connector = connector
        self._partitions = partitions
        self._opener = opener
        self._resealer = resealer

    async def verdict(self, item: Item) -> Handover | Stay:
        """Return what may be handed over of *item* now.

        Raises:
            NotOurs: Its partition is no longer ours.
            LedgerBehind: The ledger cannot be read to what it is now.
            Rejected: It should open, and does not.
        """
        verdict = await self._decided(item)
        if isinstance(verdict, Handover) and not item.is_recall and self._opener is not None:
            narrowed = verdict.release is not item.release
            return Handover(self._ready(verdict.release, narrowed=narrowed))
        return verdict

    async def deliver(self, item: Item, release: Release) -> Receipt:
        """Hand *release* over, which is what may be handed over of *item*.

        Raises:
            RecipientUnavailable: Not now.
            RecipientRefused: Not this one.
            NotPermitted: It may not be handed over any more, as it is.
        """

        async def still_permitted() -> None:
            try:
                verdict = await self._decided(item)
            except (NotOurs, LedgerBehind, KafkaUnavailable, NotNow):
                raise NotPermitted from None
            if not isinstance(verdict, Handover) or verdict.release.profile != release.profile:
                raise NotPermitted

        with permit_of(still_permitted):
            return await self._connector.deliver(release)

    async def _decided(self, item: Item) -> Handover | Stay:
        """Return the verdict, before anything is opened."""
        release = item.release
        await self._certain(item)
        if item.is_recall and self._is_signed(release):
            return Handover(release)  # whoever may hold anything must learn of it
        holdings = self._desk.holdings
        if item.is_recall:
            newest = await holdings.latest(release.alert_id, _LEDGER_SECONDS)
            return confirmed(release, self._feed, newest)
        await self._desk.confirm()
        holding = await holdings.find(release.alert_id, release.revision, _LEDGER_SECONDS)
        if holding is None:
            return Stay(Reason.FORGOTTEN)  # long past its expiry and its retention
        now = self._desk.clock()
        return redecide(release, self._feed, holding, self._desk.decider, now)

    async def _certain(self, item: Item) -> None:
        """Wait until the partition is known to be ours, and the ledger to be of now."""
        number, ledger = item.record.partition, self._desk.holdings
        while True:
            moment = steady_seconds() - _ASKED_AGAIN_SECONDS
            await self._partitions.confirm(number, moment)
            if not item.is_recall:
                await ledger.no_older_than(moment, number, _LEDGER_SECONDS)
            known = [self._partitions.owned_at(number)]
            known += [] if item.is_recall else [ledger.true_at(number)]
            if min(known) >= steady_seconds() - OLDEST_SECONDS:
                return  # else an answer took its time, or we were paused

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
