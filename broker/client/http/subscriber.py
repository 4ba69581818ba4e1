"""Follow one feed over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog
from pydantic import ValidationError

from broker.client.http.answers import told
from broker.client.http.credentials import Credentials
from broker.client.http.link import Ask, GatewayLink
from broker.client.http.opened import view_of
from broker.client.http.portions import Item, Mode, Portion, Portions, Reading
from broker.client.http.position import Position
from broker.client.http.receipts import Received, give_receipts
from broker.client.http.retrying import Patience
from broker.client.reading import OnLost, unless_expired
from broker.errors import GatewayRefused, Rejected
from broker.model.exchange import ReceiptState, RefusalReason, SummaryItem
from broker.model.reason import Reason
from broker.model.release import ReleaseView
from broker.pipeline.open_release import ReleaseOpener

log = structlog.get_logger()


class HttpSubscriber:
    """Follows a feed through a gateway; as `Subscriber` does over Kafka.

    An async context manager and an async iterator of `ReleaseView`. Releases of one alert come
    in the order of its revisions. A recall has no label and no content: whoever sees one must
    stop using its revision and every earlier one; what remains follows as a later one. What
    expired is not sent any more; what expires on the way comes with its label and without
    content. Releases may come again after a crash, or when the gateway got a new secret:
    alert, revision and kind identify them.

    Args:
        url: Where the gateway is.
        feed: Id of the feed.
        credentials: Who we are.
        position: File that keeps where we are. None keeps no position.
        mode: ``stream``: as they come, with pages where a stream does not hold. ``pages``: a
            look now and then, for links that are paid by the minute.
        from_start: Where to begin without a kept position: at the oldest, or at what comes.
        to_end: Stop at the present end, instead of waiting for more.
        auto_commit: A release counts as taken when the one behind its portion is asked for. If
            False, only `commit` says so.
        poll_seconds: Between two looks, where there is no stream.
        page_items: Most items of a page, 500 at most. Small ones for thin links.
        only: Filters of the gateway, such as ``{"country": ["WS", "TO"]}``. The position moves
            past what they leave out.
        clock: Says what time it is.
        opener: Verifies and opens what is sealed, as far as its keys go. Without it nothing is
            verified, and what the gateway could not open stays closed.
        patience: How long a request is tried.
        on_lost: As for `Subscriber`: called where reading comes to what was deleted unread.

    Attributes:
        unreadable, gaps, lost: As for `Subscriber`.

    Raises:
        SettingsInvalid: URL or credentials cannot be used.

    Example:
        async with HttpSubscriber(url, feed, credentials, position=Path("desk")) as releases:
            async for release in releases:
                await store(release)
                await releases.acknowledge(release)
    """

    def __init__(
        self,
        url: str,
        feed: str,
        credentials: Credentials,
        *,
        position: Path | None = None,
        mode: Mode = "stream",
        from_start: bool = True,
        to_end: bool = False,
        auto_commit: bool = True,
        poll_seconds: float = 30.0,
        page_items: int = 50,
        only: Mapping[str, Sequence[str]] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        opener: ReleaseOpener | None = None,
        patience: Patience | None = None,
        on_lost: OnLost | None = None,
    ) -> None:
        self.feed = feed
        self.unreadable = self.gaps = self.lost = 0
        self._on_lost = on_lost
        self._link = GatewayLink(url, credentials, patience or Patience())
        self._how = Reading(mode, to_end, page_items, poll_seconds, only)
        self._position = Position(position, feed) if position else None
        self._from_start = from_start
        self._auto_commit = auto_commit
        self._clock = clock
        self._opener = opener
        self._kept: str | None = None
        self._taken: str | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Take the position; nothing is asked yet.

        Raises:
            SettingsInvalid: Another process reads by it, or it is none in this feed.
        """
        if self._position is not None:
            self._kept = self._position.open()
            self._open.callback(self._position.close)
        self._taken = self._kept
        await self._open.enter_async_context(self._link)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Disconnect; after an error, what came since the last commit is handed out again."""
        try:
            if self._auto_commit and kind is None:
                await self.commit()
        finally:
            await self._open.aclose()

    async def __aiter__(self) -> AsyncIterator[ReleaseView]:
        """Yield releases and recalls.

        Raises:
            GatewayUnavailable: The gateway is away, and reading is to the end.
            GatewayRefused: It does not let us in, or the feed is not ours.
        """
        async for item in self._items(self._how):
            if (release := self._readable(item)) is not None:
                yield release

    async def summaries(self) -> AsyncIterator[SummaryItem]:
        """Yield a few hundred bytes of each release and recall; `whole` has the rest.

        Raises:
            GatewayUnavailable, GatewayRefused: As when iterating over releases.
        """
        async for item in self._items(replace(self._how, form="summary")):
            try:
                yield SummaryItem.model_validate(item, extra="ignore")
            except ValidationError:
                self._count_unreadable(Reason.FIELD_INVALID)

    async def whole(self, alert_id: UUID) -> ReleaseView | None:
        """Return the latest release of an alert, or its recall; None if there is none any more.

        Raises:
            GatewayUnavailable: No answer in time.
            GatewayRefused: It does not let us in.
        """
        try:
            answer = await self._link.ask(Ask("GET", f"/v1/feeds/{self.feed}/alerts/{alert_id}"))
        except GatewayRefused as refused:
            if refused.code == "NOT_FOUND":
                return None
            raise
        view = told(ReleaseView, answer.body)
        return self._readable(view.model_dump(mode="json"))

    async def commit(self) -> None:
        """Remember every release up to the present one as taken."""
        if self._position is not None and self._taken not in (None, self._kept):
            assert self._taken is not None
            await asyncio.to_thread(self._position.write, self._taken)
            self._kept = self._taken

    async def received(self, *releases: Received) -> None:
        """Say that *releases* arrived.

        Raises:
            GatewayUnavailable: No answer in time; say it again.
            GatewayRefused: NOT_FOUND: one of them was never in this feed.
        """
        await give_receipts(self._link, self.feed, ReceiptState.RECEIVED, releases)

    async def acknowledge(self, *releases: Received) -> None:
        """Say that somebody has seen *releases*; raises as `received`."""
        await give_receipts(self._link, self.feed, ReceiptState.ACKNOWLEDGED, releases)

    async def acted_upon(self, *releases: Received) -> None:
        """Say that something was done about *releases*; raises as `received`."""
        await give_receipts(self._link, self.feed, ReceiptState.ACTED_UPON, releases)

    async def refused(self, release: Received, reason: RefusalReason) -> None:
        """Say that *release* is not taken, and why; raises as `received`."""
        await give_receipts(self._link, self.feed, ReceiptState.REFUSED, [release], reason)

    async def _items(self, how: Reading) -> AsyncIterator[Item]:
        async for portion in self._portions(how):
            if portion.lost:
                self._tell(portion.lost)
            for item in portion.items:
                self._taken = str(item["cursor"])
                yield item
            self._taken = portion.behind
            # A portion that holds nothing says where we are all the same: from there on nothing
            # is missed, though nobody reads for a while.
            if self._auto_commit or (self._kept is None and not portion.items):
                await self.commit()

    async def _portions(self, how: Reading) -> AsyncIterator[Portion]:
        portions = Portions(self._link, self.feed, how, self._taken)
        if self._taken is None and not self._from_start:
            await portions.skip_to_now()
        async for portion in portions.read():
            yield portion

    def _tell(self, lost: int) -> None:
        self.gaps += 1
        self.lost += lost
        log.error("releases.lost", feed=self.feed, count=lost)
        if self._on_lost is not None:
            self._on_lost(lost)

    def _readable(self, item: Item) -> ReleaseView | None:
        try:
            return unless_expired(view_of(item, self._opener), self._clock())
        except Rejected as rejected:
            self._count_unreadable(rejected.reason)
        except ValidationError:
            self._count_unreadable(Reason.FIELD_INVALID)
        return None

    def _count_unreadable(self, reason: Reason) -> None:
        # It must not stop what comes behind, which may be a recall.
        self.unreadable += 1
        log.error("release.unreadable", feed=self.feed, reason=reason.value)
