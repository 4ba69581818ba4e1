"""One attempt to hand the first of what waits of an alert over, and what became of it."""

from dataclasses import dataclass

import structlog

from broker.connector import NotPermitted
from broker.errors import (
    OF_BYTES,
    KafkaUnavailable,
    KeeperUnavailable,
    KeyEnded,
    NotNow,
    RecipientRefused,
    RecipientUnavailable,
)
from broker.metrics.registry import count_error
from broker.model.reason import Reason
from broker.pipeline.feed_ends import FeedEnds
from broker.pipeline.handover import HandingOver
from broker.pipeline.holdings import LedgerBehind
from broker.pipeline.open_release import refuse_missing_key
from broker.pipeline.redecide import Stay
from broker.pipeline.waiting_room import Item, Waiting
from broker.tracing import span
from broker.wire.consumer import NotOurs

log = structlog.get_logger()

#: These say nothing of the recipient: it is we who are behind.
OUR_OWN = (LedgerBehind, KeeperUnavailable, NotNow, KafkaUnavailable)


@dataclass(frozen=True, slots=True)
class Failed:
    """The recipient did not take it.

    Attributes:
        refused: It answered that it will not take this one.
        ours: It never came to that: our own code, or the connector's, failed in a way that nobody
            foresaw.
        asked_seconds: How long it asked to wait.
    """

    code: str
    refused: bool = False
    ours: bool = False
    asked_seconds: float | None = None


class Attempt:
    """Attempts of one feed.

    Attributes:
        took_last: Whether the recipient took what was tried last.
    """

    def __init__(self, feed: str, handing: HandingOver, ends: FeedEnds) -> None:
        self._feed = feed
        self._handing = handing
        self._ends = ends
        self.took_last = False

    async def of(self, waiting: Waiting) -> Failed | None:
        """Try the first of *waiting*; return None once it has come to its end.

        Raises:
            NotOurs, LedgerBehind, KafkaUnavailable, KeeperUnavailable, NotNow: It was not tried.
        """
        self.took_last = False
        while True:
            try:
                await self._once(waiting.head, waiting.attempts + 1)
            except NotPermitted:
                continue  # what may be handed over has changed: ask again
            except KeyEnded as ended:  # of this one alone: recalls need no key, and flow
                return Failed(ended.code, ours=True)
            except (NotOurs, *OUR_OWN):
                raise
            except RecipientRefused as refused:
                return Failed(refused.code, refused=True)
            except RecipientUnavailable as away:
                return Failed(away.code, asked_seconds=away.retry_after_seconds)
            except Exception as fault:  # noqa: BLE001 - an unforeseen fault must not lose it
                return self._unforeseen(waiting, fault)
            else:
                return None

    def _unforeseen(self, waiting: Waiting, fault: Exception) -> Failed:
        """Say by code and place that *fault* is nobody's but ours, once until it changes."""
        name, record = type(fault).__name__, waiting.head.record
        code = f"UNEXPECTED_{name}"
        count_error("deliver", name)
        if waiting.code != code:
            where = {"partition": record.partition, "offset": record.offset}
            log.error("release.waits", feed=self._feed, code=name, **where)
        return Failed(code, ours=True)

    async def _once(self, item: Item, number: int) -> None:
        if self._ends.is_forgotten(item):
            await self._ends.forgotten(item)
            return
        try:
            verdict = await self._handing.verdict(item)
            if isinstance(verdict, Stay):
                await self._stay(item, verdict.reason, number - 1)
                return
            with span("deliver.attempt", feed=self._feed, attempt=number):
                receipt = await self._handing.deliver(item, verdict.release)
        except OF_BYTES as rejected:
            refuse_missing_key(rejected)
            await self._not_opened(item, rejected.reason, number - 1)
            return
        self.took_last = True
        given = Item(verdict.release, item.record)
        await self._ends.delivered(given, receipt.reference, number)

    async def _stay(self, item: Item, reason: Reason, attempts: int) -> None:
        """What the ledger does not know is nobody's: it ends nothing, and an operator looks."""
        if reason in (Reason.LEDGER_DISAGREES, Reason.LEDGER_UNREADABLE):
            await self._ends.set_aside(item.record, reason)
        else:
            await self._ends.stay(item, reason, attempts)

    async def _not_opened(self, item: Item, reason: Reason, attempts: int) -> None:
        """What was erased is gone; what should open and does not waits for an operator.

        Raises:
            KeyEnded: What is left of it cannot be sealed anew: the feed's next key is waited for.
        """
        if reason is Reason.KEY_EXPIRED:
            raise KeyEnded(reason.value)
        if reason is Reason.ERASED:
            await self._ends.stay(item, reason, attempts)
        else:
            await self._ends.park(item, reason, "", attempts)
