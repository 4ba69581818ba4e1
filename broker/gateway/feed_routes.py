"""GET /v1/feeds: the caller's feeds, page by page, and the latest of one alert."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from broker.gateway import examples
from broker.gateway.answers import answer
from broker.gateway.asked import Cursor, FeedId, Since
from broker.gateway.caller import Caller, Right, needs
from broker.gateway.cursor import CursorInvalid
from broker.gateway.doors import Doors
from broker.gateway.filters import Filter, asked_filter
from broker.gateway.items import page_parts, summary, whole
from broker.gateway.paging import Page, behind_schedule, read_page
from broker.gateway.problems import Problem, documented, not_found
from broker.gateway.serve import PolicyFailed
from broker.model.exchange import FeedDescription, FeedList, FeedPage, SummaryPage
from broker.model.release import ReleaseView
from broker.pipeline.holdings import LedgerBehind

MOST_ITEMS = 500
_DEFAULT_ITEMS = 50

Reader = Annotated[Caller, Depends(needs(Right.READ))]
_Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS)]
_Form = Annotated[
    Literal["full", "summary"], Query(description="summary: a few hundred bytes an item.")
]


def router(doors: Doors) -> APIRouter:
    """Return the routes by which feeds are read."""
    routes = APIRouter(tags=["Feeds"])

    @routes.get(
        "/v1/feeds",
        response_model=FeedList,
        responses={**examples.answered(200, examples.FEEDS), **documented(401, 404, 429)},
    )
    async def feeds(request: Request, caller: Reader) -> Response:
        """List the feeds that the caller may read."""
        found = [doors.community.listed[feed] for feed in sorted(caller.feeds)]
        told = [
            FeedDescription(feed=each.id, purpose=each.purpose, operational=each.operational)
            for each in found
        ]
        return answer(request, FeedList(feeds=tuple(told)), tagged=True)

    _add_page(routes, doors)
    _add_latest(routes, doors)
    return routes


def _add_page(routes: APIRouter, doors: Doors) -> None:
    described: dict[int | str, dict[str, Any]] = {304: {"description": "As the caller has it."}}

    @routes.get(
        "/v1/feeds/{feed}",
        response_model=FeedPage | SummaryPage,
        responses={**described, **documented(400, 401, 404, 422, 429, 503)},
    )
    async def page(
        request: Request,
        feed: FeedId,
        caller: Reader,
        asked: Annotated[Filter, Depends(asked_filter)],
        cursor: Cursor = None,
        since: Since = None,
        limit: _Limit = _DEFAULT_ITEMS,
        form: _Form = "full",
    ) -> Response:
        """Read a page of a feed, oldest first; without cursor or since, from the oldest kept.

        A release that policy permits no longer comes as a recall. Keep `next`, and go on from
        it, tomorrow too. A release may come again: alert, revision and kind identify it.
        `lost` is there where retention deleted what had not been read: ask the originators.
        """
        start = start_of(doors, caller, feed, cursor, since)
        found = await read_page(doors.shelf, doors.servings, feed, start, limit, asked.passes)
        body = _written(doors, feed, found, summarised=form == "summary")
        await doors.disclosures.record(
            [each.served for each in found.items], "HTTP", caller.identity
        )
        return answer(request, body, tagged=True)


def _add_latest(routes: APIRouter, doors: Doors) -> None:
    @routes.get(
        "/v1/feeds/{feed}/alerts/{alert_id}",
        response_model=ReleaseView,
        responses=documented(401, 404, 422, 429, 503),
    )
    async def latest(request: Request, feed: FeedId, alert_id: UUID, caller: Reader) -> Response:
        """Read the latest release of one alert, as far as it may be served now."""
        if feed not in caller.feeds:
            raise not_found()
        shelved = doors.shelf.latest(feed, alert_id)
        try:
            served = await doors.servings.serve(shelved) if shelved else None
        except (LedgerBehind, PolicyFailed):
            raise behind_schedule() from None
        if served is None:
            raise not_found()
        await doors.disclosures.record([served], "HTTP", caller.identity)
        return answer(request, served.body, tagged=True)


def start_of(
    doors: Doors, caller: Caller, feed: str, cursor: str | None, since: datetime | None
) -> dict[int, int]:
    """Return the position from which *caller* wants to read *feed*.

    Raises:
        Problem: 404 for a feed that is not the caller's, or none; 503 while its topic is missing;
            400 for a cursor that is
            none of this feed, and for two beginnings.
    """
    if feed not in caller.feeds:
        raise not_found()
    if doors.lacks(feed):
        raise behind_schedule()
    if cursor is not None and since is not None:
        raise Problem(400, "TWO_BEGINNINGS", "query.since")
    if since is not None:
        asked = doors.shelf.position_since(feed, int(since.timestamp() * 1_000_000))
        return doors.shelf.begins(feed, asked)[0]  # what is gone was not asked for
    if cursor is None:
        return {}
    try:
        return doors.cursors.opened(feed, cursor)[0]
    except CursorInvalid:
        raise Problem(400, "CURSOR_INVALID", "query.cursor") from None


def _written(doors: Doors, feed: str, page: Page, *, summarised: bool) -> list[bytes]:
    write = summary if summarised else whole
    items = [
        (
            each.served.view.label.originator if each.served.view.label else None,
            write(each.served, doors.cursors.sealed(feed, each.behind)),
        )
        for each in page.items
    ]
    behind = doors.cursors.sealed(feed, page.behind)
    return page_parts(feed, items, behind, more=page.more, lost=page.lost)
