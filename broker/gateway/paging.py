"""Read a feed page by page: from a position, through what may be served now, to a position."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from broker.gateway.problems import Problem
from broker.gateway.serve import PolicyFailed, Served, Servings
from broker.gateway.shelf import Shelf
from broker.model.release import ReleaseView
from broker.pipeline.holdings import LedgerBehind

#: Most records looked at for one page: a filter may pass few of them.
MOST_LOOKED_AT = 5_000
#: A page ends behind the item that makes it this large, bytes of JSON before compression.
PAGE_BYTES = 4 << 20
_AT_ONCE = 200
_BREATHES_EVERY = 25


@dataclass(frozen=True, slots=True)
class Placed:
    """What is served of one record, and the position behind it."""

    served: Served
    behind: dict[int, int]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a feed.

    Attributes:
        behind: The position from which reading goes on.
        more: There is more already.
        lost: How many releases and recalls were deleted before they were read, at most.
        begun: The position behind those.
    """

    items: tuple[Placed, ...]
    behind: dict[int, int]
    more: bool
    lost: int = 0
    begun: Mapping[int, int] = field(default_factory=dict)


def behind_schedule() -> Problem:
    """Return what is answered while the ledger cannot be read, or the bundle errs."""
    return Problem(503, "NOT_READY", retry_after=5)


async def read_page(
    shelf: Shelf,
    servings: Servings,
    feed: str,
    position: Mapping[int, int],
    limit: int,
    passes: Callable[[ReleaseView], bool] = lambda _view: True,
) -> Page:
    """Return at most *limit* items of *feed* behind *position*.

    Raises:
        Problem: NOT_READY, where nothing could be read because ledger or policy fails, or the
            feed's topic was made anew meanwhile. What could be read before that is a page of
            its own.
    """
    era = shelf.era(feed)
    reading = _Reading(*shelf.begins(feed, position), limit)
    page = await _read(shelf, servings, feed, reading, passes)
    if shelf.era(feed) != era:
        raise behind_schedule()  # its positions are of the old topic
    return page


async def _read(
    shelf: Shelf,
    servings: Servings,
    feed: str,
    reading: "_Reading",
    passes: Callable[[ReleaseView], bool],
) -> Page:
    while not reading.is_full:
        rows = shelf.after(feed, reading.behind, _AT_ONCE)
        if not rows:
            return reading.page(more=False)
        for row in rows:
            try:
                served = await servings.serve(row)
            except (LedgerBehind, PolicyFailed):
                if reading.looked_at:
                    return reading.page(more=True)
                raise behind_schedule() from None
            reading.take(row.partition, row.offset, served, passes)
            if reading.is_full:
                break
            if reading.looked_at % _BREATHES_EVERY == 0:
                await asyncio.sleep(0)  # others wait for this loop, too
    return reading.page(more=bool(shelf.after(feed, reading.behind, 1)))


class _Reading:
    def __init__(self, position: dict[int, int], lost: int, limit: int) -> None:
        self.behind = position
        self._begun = dict(position)
        self._lost = lost
        self.looked_at = 0
        self._limit = limit
        self._bytes = 0
        self._items: list[Placed] = []

    @property
    def is_full(self) -> bool:
        full = len(self._items) >= self._limit or self._bytes >= PAGE_BYTES
        return full or self.looked_at >= MOST_LOOKED_AT

    def take(
        self, partition: int, offset: int, served: Served | None,
        passes: Callable[[ReleaseView], bool],
    ) -> None:  # fmt: skip
        self.looked_at += 1
        self.behind[partition] = offset + 1
        if served is not None and passes(served.view):
            self._items.append(Placed(served, dict(self.behind)))
            self._bytes += len(served.body)

    def page(self, *, more: bool) -> Page:
        return Page(tuple(self._items), dict(self.behind), more, self._lost, self._begun)
