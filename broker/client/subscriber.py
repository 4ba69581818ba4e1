"""Follow one feed."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import structlog

from broker.client.reading import OnLost, unless_expired
from broker.errors import Rejected
from broker.model.release import ReleaseView
from broker.pipeline.open_release import ReleaseOpener, read_verified
from broker.wire.alert_codec import decode_release
from broker.wire.connection import Connection
from broker.wire.follower import Follower
from broker.wire.gaps import Gap
from broker.wire.topics import Topics

log = structlog.get_logger()


class Subscriber:
    """Follows a feed; an async context manager and an async iterator of `ReleaseView`.

    Releases of one alert come in the order of its revisions. A recall has no label and no
    content: whoever sees one must stop using its revision and every earlier one; where less
    remains, a release of a later revision follows. A release that has
    expired meanwhile comes with its label, so that its originator can be asked, and without
    content. Releases may come again after a crash: alert, revision and kind identify them.

    Args:
        connection: The cluster.
        feed: Id of the feed.
        group: Name under which the position is kept; the feed's own readers share it. None
            keeps no position.
        from_start: Where to begin without a kept position: at the oldest, or at what comes.
        to_end: Stop at what was the end when the reading began, instead of waiting for more.
        auto_commit: A release counts as taken when the one behind its batch is asked for. If
            False, only `commit` says so.
        topics: Names of topics, where they have a prefix.
        clock: Says what time it is.
        opener: Verifies and opens what is sealed, as far as its keys go. Without it the
            content of a sealed release stays closed, and nothing is verified.
        with_record: Hand each release out with its record, as far as it is opened: what
            `lali verify` works on.
        on_lost: Called at the moment where reading comes to a gap: what retention deleted
            before it was read, releases and recalls alike. Its argument is how many there were
            at most, None where nobody can know.

    Attributes:
        unreadable: How many releases could not be read.
        gaps: How many gaps were met.
        lost: How many releases and recalls they held at most, as far as that is known.

    Example:
        async with Subscriber(connection, "samoa-tcu-investigate", group="tcu-desk") as releases:
            async for release in releases:
                await store(release)
    """

    def __init__(
        self,
        connection: Connection,
        feed: str,
        group: str | None = None,
        *,
        from_start: bool = True,
        to_end: bool = False,
        auto_commit: bool = True,
        topics: Topics | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        opener: ReleaseOpener | None = None,
        with_record: bool = False,
        on_lost: OnLost | None = None,
    ) -> None:
        self.feed = feed
        self.unreadable = self.gaps = self.lost = 0
        self._on_lost = on_lost
        self._follower = Follower(
            connection, (topics or Topics()).feed(feed), group, from_start=from_start
        )
        self._to_end = to_end
        self._auto_commit = auto_commit
        self._clock = clock
        self._opener = opener
        self._with_record = with_record
        self._taken: dict[Any, int] = {}

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            KafkaUnavailable: No broker answers.
        """
        await self._follower.start()
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
            await self._follower.stop()

    async def __aiter__(self) -> AsyncIterator[ReleaseView]:
        """Yield releases and recalls."""
        async for records in self._follower.batches(to_end=self._to_end):
            for gap in self._follower.met():
                self._tell(gap)
            for record in records:
                self._taken[self._follower.partition_of(record)] = record.offset + 1
                if (release := self._readable(record)) is not None:
                    yield release
            if self._auto_commit:
                await self.commit()

    async def commit(self) -> None:
        """Remember every release up to the present one as taken."""
        taken, self._taken = self._taken, {}
        await self._follower.commit(taken)

    def _tell(self, gap: Gap) -> None:
        """Say that what was in *gap* is gone; it counts as taken, so that it is said once."""
        self._taken[self._follower.partition_of(gap)] = gap.next_offset
        self.gaps += 1
        self.lost += gap.at_most or 0
        log.error(
            "releases.lost", feed=self.feed, count=gap.at_most, partition=gap.partition,
            offset=gap.offset, next_offset=gap.next_offset,
        )  # fmt: skip
        if self._on_lost is not None:
            self._on_lost(gap.at_most)

    def _readable(self, record: Any) -> ReleaseView | None:
        try:
            return unless_expired(self._read(record.value), self._clock())
        except Rejected as rejected:
            # Only route writes feeds, so this is a fault to be looked into. It must not
            # stop what comes behind, which may be a recall.
            self.unreadable += 1
            log.error(  # noqa: TRY400 - a traceback may carry values
                "release.unreadable",
                feed=self.feed,
                partition=record.partition,
                offset=record.offset,
                reason=rejected.reason.value,
            )
            return None

    def _read(self, value: bytes | None) -> ReleaseView:
        if self._opener is None:
            return decode_release(value, with_record=self._with_record)
        return read_verified(value, self._opener, with_record=self._with_record)
