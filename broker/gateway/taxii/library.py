"""The objects of a feed: what each of its records shows now, when it was added, which version.

Nothing is kept: objects are made from what may be served at this moment. An alert is found by
any of its ids, as all of them begin alike (`broker.stix.identifiers`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from broker.gateway.doors import Doors
from broker.gateway.serve import Served
from broker.gateway.shelf import Shelved
from broker.gateway.taxii.asked import Match, microseconds, written
from broker.model.codelists import COUNTRIES
from broker.model.compartment import Compartment, mask_of
from broker.model.release import ReleaseKind, ReleaseView
from broker.pipeline.project import read_release
from broker.stix import StixObject, objects_of
from broker.stix.frame import next_version
from broker.stix.identifiers import alert_prefix, prefix_in
from broker.stix.shared import shared_ids
from broker.wire.alert_codec import decode_release
from broker.wire.codec import decode_trusted

_EVIDENCE = mask_of([Compartment.EVIDENCE])


@dataclass(frozen=True, slots=True)
class Dated:
    """One object, as one record of the feed shows it.

    Attributes:
        place: Its number among the objects of its record.
        added: When the record was added, microseconds since 1970.
        shared: It is equal wherever it occurs.
    """

    value: StixObject
    place: int
    added: int
    shared: bool

    @property
    def id(self) -> str:
        """The object's id."""
        return str(self.value["id"])

    @property
    def version(self) -> str:
        """Its version; what STIX gives none has that of its addition."""
        found = self.value.get("modified", self.value.get("created"))
        return written(self.added) if found is None else str(found)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record of the feed and its objects, each after what it refers to."""

    served: Served
    objects: tuple[Dated, ...]


class Library:
    """Makes the objects of all feeds.

    Args:
        doors: What is behind the doors.
    """

    def __init__(self, doors: Doors) -> None:
        self._shelf = doors.shelf
        self._servings = doors.servings
        self._shared = shared_ids(doors.community.publishers(), COUNTRIES)

    async def shown(self, row: Shelved) -> Shown | None:
        """Return what *row* shows now; None if it is passed over.

        Raises:
            LedgerBehind, PolicyFailed: Ask again.
        """
        served = await self._servings.serve(row)
        if served is None:
            return None
        objects = objects_of(row.feed, _view(row, served), self._not_before(row))
        own = alert_prefix(row.feed, row.alert_id)
        return Shown(
            served,
            tuple(
                Dated(each, place, row.added, shared=_is_shared(each, own))
                for place, each in enumerate(objects)
            ),
        )

    def _not_before(self, row: Shelved) -> datetime | None:
        """Return the least version that *row* may have, behind the records of its alert."""
        rows = self._shelf.all_of(row.feed, row.alert_id)
        return next_version(
            (decode_trusted(each.value, "release")["released_at"], each.kind)
            for each in rows
            if each.offset < row.offset
        )

    async def matching(self, row: Shelved, match: Match) -> tuple[Shown, list[Dated]] | None:
        """Return what *row* shows, and which of its objects are asked for.

        Which version is first or last is told among all that may be served now.

        Raises:
            LedgerBehind, PolicyFailed: Ask again.
        """
        if _wants_files_only(match) and not read_release(row.value).profile & _EVIDENCE:
            return None  # an id of a file leads to no alert: all of a feed may have to be seen
        shown = await self.shown(row)
        if shown is None:
            return None
        wanted = [each for each in shown.objects if match.wants(each.id, each.value["type"])]
        if not wanted or "all" in match.words:
            return shown, wanted
        before, behind = await self._others(row)
        return shown, [each for each in wanted if _version_is_asked(each, match, before, behind)]

    def rows_of(self, feed: str, ids: Iterable[str]) -> list[Shelved] | None:
        """Return all records that may show an object of *ids*; None if any may."""
        ids = frozenset(ids)
        # Whether an id is another feed's or nobody's, the same is done.
        if any(each in self._shared or each.startswith("file--") for each in ids):
            return None
        prefixes = {prefix_in(each) for each in ids}
        alerts = [each for each in self._shelf.alerts(feed) if _prefix(feed, each) in prefixes]
        rows = [row for alert in alerts for row in self._shelf.all_of(feed, alert)]
        return sorted(rows, key=lambda row: row.added)

    async def _others(self, row: Shelved) -> tuple[set[str], set[str]]:
        """Return the ids of the alert's objects before and behind *row*."""
        before: set[str] = set()
        behind: set[str] = set()
        for other in self._shelf.all_of(row.feed, row.alert_id):
            if other.offset != row.offset and (shown := await self.shown(other)):
                ids = behind if other.offset > row.offset else before
                ids.update(each.id for each in shown.objects)
        return before, behind


def _wants_files_only(match: Match) -> bool:
    return bool(match.ids) and all(each.startswith("file--") for each in match.ids)


def _view(row: Shelved, served: Served) -> ReleaseView:
    view = served.view
    if view.kind is not ReleaseKind.RECALL or row.kind == ReleaseKind.RECALL:
        return view
    # A recall in place of a release that policy permits no longer: newer than the release,
    # whatever the clocks of broker and router say.
    released_at = decode_release(row.value).released_at
    return view.model_copy(update={"released_at": max(view.released_at, released_at)})


def _version_is_asked(each: Dated, match: Match, before: set[str], behind: set[str]) -> bool:
    if match.versions and microseconds(each.version, "version") in match.versions:
        return True
    if each.shared:
        # It has one version, and a page that refers to it has it.
        return bool(match.words)
    is_last = "last" in match.words and each.id not in behind
    return is_last or ("first" in match.words and each.id not in before)


def _is_shared(value: StixObject, own_prefix: int) -> bool:
    return value["type"] != "file" and prefix_in(value["id"]) != own_prefix


@lru_cache(maxsize=100_000)
def _prefix(feed: str, alert_id: UUID) -> int:
    return alert_prefix(feed, alert_id)
