"""Read a collection page by page: whole records, until as many objects as were asked for.

A page is closed: what its objects refer to is in it. Objects that many records share are in
it once. Only a record with more objects than a page may have is cut; the cursor then says
where, and what the record showed: should it show something else later, it begins anew.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from broker.gateway.cursor import CursorInvalid, Cursors
from broker.gateway.paging import PAGE_BYTES, behind_schedule
from broker.gateway.problems import Problem
from broker.gateway.serve import PolicyFailed, Served
from broker.gateway.shelf import Shelf, Shelved
from broker.gateway.taxii.asked import Asked
from broker.gateway.taxii.library import Dated, Library, Shown
from broker.model.compartment import COMPARTMENTS
from broker.model.release import ReleaseKind
from broker.pipeline.holdings import LedgerBehind

#: Records looked at for one page, and at once.
_MOST_LOOKED_AT, _AT_ONCE = 2_000, 100
#: Making the objects of so many takes some tens of milliseconds.
_AT_A_STRETCH = 8
_PARTITION_BITS, _PROFILE_BITS = 16, len(COMPARTMENTS)


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a collection.

    Attributes:
        served: The records that they are from.
        of_each: How many of the objects are from each of those records, in order.
        next: The cursor from which reading goes on, if there is more.
    """

    objects: tuple[Dated, ...]
    served: tuple[Served, ...]
    of_each: tuple[int, ...]
    next: str | None

    def by_record(self) -> list[tuple[Dated, ...]]:
        """Return the objects of each record: what one originator wrote."""
        ends = list(accumulate(self.of_each, initial=0))
        return [self.objects[start:end] for start, end in pairwise(ends)]


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a page ended within a record.

    Attributes:
        showed: What the record showed: its profile, and whether it was a recall.
        done: How many of its objects have been read.
    """

    partition: int
    offset: int
    showed: int
    done: int


class Collection:
    """One feed, read as a collection.

    Args:
        shelf: Where its records are.
        library: Makes their objects.
        cursors: Of TAXII alone.
        feed: Its id.
    """

    def __init__(self, shelf: Shelf, library: Library, cursors: Cursors, feed: str) -> None:
        self._shelf = shelf
        self._library = library
        self._cursors = cursors
        self._feed = feed

    async def page(self, asked: Asked) -> Page:
        """Return the page that is asked for.

        Raises:
            Problem: 400 for a cursor that is none of this collection; 503 where nothing could
                be read.
        """
        era = self._shelf.era(self._feed)
        position, cut = self._start(asked)
        reading = _Reading(asked.limit, position, cut)
        more = await self._read(reading, asked)
        if self._shelf.era(self._feed) != era:
            raise behind_schedule()  # its positions are of a topic that was made anew
        sealed = self._sealed(reading) if more else None
        objects, served = tuple(reading.objects), tuple(reading.served)
        return Page(objects, served, tuple(reading.of_each), sealed)

    async def _read(self, reading: "_Reading", asked: Asked) -> bool:
        only = self._library.rows_of(self._feed, asked.match.ids) if asked.match.ids else None
        horizon = self._shelf.horizon(self._feed)
        while rows := self._rows(reading.position, only, horizon):
            for row in rows:
                if reading.is_full or reading.looked_at >= _MOST_LOOKED_AT:
                    return True
                try:
                    found = await self._library.matching(row, asked.match)
                except (LedgerBehind, PolicyFailed):
                    if reading.looked_at:
                        return True
                    raise behind_schedule() from None
                if not reading.take(row, found):
                    return True
                if reading.looked_at % _AT_A_STRETCH == 0:
                    await asyncio.sleep(0)  # others are served meanwhile
        return False

    def _rows(
        self, position: dict[int, int], only: Sequence[Shelved] | None, horizon: int
    ) -> list[Shelved]:
        if only is None:
            rows: Sequence[Shelved] = self._shelf.after(self._feed, position, _AT_ONCE)
        else:
            rows = [row for row in only if row.offset >= position.get(row.partition, 0)]
        # Above the horizon an earlier one may still come: whoever goes on from a moment, and
        # not from a cursor, would miss it.
        return [row for row in rows if row.added <= horizon]

    def _start(self, asked: Asked) -> tuple[dict[int, int], Cut | None]:
        if asked.next is not None:
            try:
                return self._opened(asked.next)
            except CursorInvalid:
                raise Problem(400, "CURSOR_INVALID", "query.next") from None
        if asked.added_after is None:
            return {}, None
        return self._shelf.position_since(self._feed, asked.added_after), None

    def _sealed(self, reading: "_Reading") -> str:
        cut = reading.cut
        extra = 0
        if cut is not None:
            extra = cut.done << _PROFILE_BITS + 1 | cut.showed
            extra = extra << _PARTITION_BITS | cut.partition
        return self._cursors.sealed(self._feed, reading.position, extra)

    def _opened(self, cursor: str) -> tuple[dict[int, int], Cut | None]:
        position, extra = self._cursors.opened(self._feed, cursor)
        if not extra:
            return position, None
        partition = extra & (1 << _PARTITION_BITS) - 1
        showed = extra >> _PARTITION_BITS & (1 << _PROFILE_BITS + 1) - 1
        done = extra >> _PARTITION_BITS + _PROFILE_BITS + 1
        return position, Cut(partition, position.get(partition, 0), showed, done)


class _Reading:
    def __init__(self, limit: int, position: dict[int, int], cut: Cut | None) -> None:
        self.objects: list[Dated] = []
        self.served: list[Served] = []
        self.of_each: list[int] = []
        self.position = position
        self.cut: Cut | None = None
        self.looked_at = 0
        self._limit = limit
        self._bytes = 0
        self._resumed = cut
        self._shared: set[str] = set()

    @property
    def is_full(self) -> bool:
        return len(self.objects) >= self._limit or self._bytes >= PAGE_BYTES

    def take(self, row: Shelved, found: tuple[Shown, list[Dated]] | None) -> bool:
        """Take a record, or as much as fits; return False if the page ends within or before."""
        self.looked_at += 1
        if found is not None:
            shown, matching = found
            wanted = self._wanted(row, shown, matching)
            room = self._limit - len(self.objects)
            if len(wanted) > room:
                self._cut(row, shown, wanted[: 0 if self.objects else room])
                return False
            self._add(shown, wanted)
        self.position[row.partition] = row.offset + 1
        return True

    def _wanted(self, row: Shelved, shown: Shown, matching: list[Dated]) -> list[Dated]:
        cut = self._resumed
        begun = cut is not None and (row.partition, row.offset, _showed(shown.served)) == (
            cut.partition,
            cut.offset,
            cut.showed,
        )
        done = cut.done if cut is not None and begun else 0
        return [each for each in matching if each.place >= done and each.id not in self._shared]

    def _add(self, shown: Shown, wanted: list[Dated]) -> None:
        if wanted:
            self.objects += wanted
            self.served.append(shown.served)
            self.of_each.append(len(wanted))
            self._bytes += len(shown.served.body)
            self._shared.update(each.id for each in wanted if each.shared)

    def _cut(self, row: Shelved, shown: Shown, fitting: list[Dated]) -> None:
        if fitting:
            self._add(shown, fitting)
            self.position[row.partition] = row.offset
            showed = _showed(shown.served)
            self.cut = Cut(row.partition, row.offset, showed, fitting[-1].place + 1)


def _showed(served: Served) -> int:
    is_recall = served.release.kind is ReleaseKind.RECALL
    return served.release.profile << 1 | is_recall
