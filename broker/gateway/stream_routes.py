"""GET /v1/feeds/{feed}/stream: a feed as server-sent events, resumed where it broke off."""

import asyncio
from collections.abc import AsyncGenerator, Hashable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import StreamingResponse

from broker.gateway.asked import Cursor, FeedId, Since
from broker.gateway.caller import Caller, Right
from broker.gateway.doors import Doors
from broker.gateway.feed_routes import Reader, start_of
from broker.gateway.filters import Filter, asked_filter
from broker.gateway.half_open import open_files
from broker.gateway.items import whole
from broker.gateway.paging import Page, read_page
from broker.gateway.places import Full, Place, Places
from broker.gateway.problems import Problem, documented, problem_of
from broker.gateway.under_way import leave_place

MEDIA_TYPE = "text/event-stream"
#: A comment so often, seconds: what stands between notices that the stream lives. A reader that
#: may read no more is told no later, though nothing comes.
_ALIVE_SECONDS = 5.0
_ALIVE = b": alive\n\n"
#: Whether its reader may still read is asked before what is sent; of many events so often.
_ASKED_AGAIN_SECONDS = 0.5
_AGAIN_SECONDS = 2.0
_ITEMS_AT_ONCE = 100
#: Streams at the same place share what was read and written for one of them, seconds.
_SHARED_SECONDS = 1.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def router(doors: Doors) -> APIRouter:
    """Return the route by which feeds are streamed."""
    routes = APIRouter(tags=["Feeds"])
    streams = Streams(doors)
    content = {MEDIA_TYPE: {"schema": {"type": "string"}}}

    @routes.get(
        "/v1/feeds/{feed}/stream",
        response_class=StreamingResponse,
        responses={
            200: {"description": "Events without end.", "content": content},
            **documented(400, 401, 404, 422, 429, 503),
        },
    )
    async def stream(
        request: Request,
        feed: FeedId,
        caller: Reader,
        asked: Annotated[Filter, Depends(asked_filter)],
        cursor: Cursor = None,
        since: Since = None,
        last_event_id: Annotated[
            str | None, Header(max_length=4096, json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"})
        ] = None,
    ) -> StreamingResponse:
        """Follow a feed. `id:` is a cursor, `event:` release or recall, `data:` an item.

        `event: lost` says that retention deleted what had not been read: `lost` in its data is
        how many releases and recalls, at most.

        Reconnecting with Last-Event-ID, as browsers do, goes on behind the last event.
        """
        start = start_of(doors, caller, feed, last_event_id or cursor, since)
        place = streams.admitted(caller)
        leave_place(request.scope)
        events = streams.events(place, request, caller, feed, start, asked)
        return StreamingResponse(events, media_type=MEDIA_TYPE, headers=_HEADERS)

    return routes


class Streams:
    """The streams that are open in this gateway."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        settings = doors.settings
        self._places = Places(
            {"gateway": min(settings.gateway_streams, open_files() // 2),
             "unit": settings.gateway_streams_unit, "identity": settings.gateway_streams_unit // 2}
        )  # fmt: skip
        self._reading: dict[Hashable, asyncio.Task[tuple[Page, bytes] | None]] = {}

    def admitted(self, caller: Caller) -> Place:
        """Return a place for one more stream, taken until the stream ends or is dropped.

        Raises:
            Problem: STREAMS_FULL: 503 where the gateway has none left, 429 where the unit or
                the credential has as many as it may.
        """
        names = {"gateway": "", "unit": caller.unit, "identity": caller.identity}
        try:
            return self._places.take(names)
        except Full as full:
            status = 503 if full.kind == "gateway" else 429
            raise Problem(status, "STREAMS_FULL", retry_after=30) from None

    async def events(
        self, place: Place, request: Request, caller: Caller, feed: str,
        position: dict[int, int], asked: Filter,
    ) -> AsyncGenerator[bytes]:  # fmt: skip
        """Yield the events behind *position*, until the reader goes or may read no more."""
        try:
            async for chunk in self._events(request, caller, feed, position, asked):
                yield chunk
        finally:
            self._places.give_back(place)

    async def _events(
        self, request: Request, caller: Caller, feed: str, position: dict[int, int], asked: Filter
    ) -> AsyncGenerator[bytes]:
        yield _ALIVE  # headers and a first byte at once: the reader knows that it is let in
        doors, loop = self._doors, asyncio.get_running_loop()
        asked_at, era = loop.time(), self._doors.shelf.era(feed)
        # Where the topic was made anew, the reader comes again and begins anew.
        while not doors.stopping.is_set() and doors.shelf.era(feed) == era:
            change = doors.shelf.next_change(feed)
            if loop.time() - asked_at > _ASKED_AGAIN_SECONDS:
                asked_at = loop.time()
                if not self._may_still(request, caller, feed):
                    return
            read = await self._read(change, feed, position, asked)
            if read is None:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            page, written = read
            if not await self._may_be_shown(page, caller):
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            position = page.behind
            if page.items or page.lost:
                yield written
            elif not page.more and not await self._woken(change):
                yield _ALIVE

    def _may_still(self, request: Request, caller: Caller, feed: str) -> bool:
        """Whether the credential counts still: it may be revoked, or have expired."""
        try:
            now = self._doors.doorkeeper.caller(request.scope)
        except Problem:
            return False
        return now.unit == caller.unit and feed in now.feeds and Right.READ in now.rights

    async def _read(
        self, change: asyncio.Event, feed: str, position: dict[int, int], asked: Filter
    ) -> tuple[Page, bytes] | None:
        """Return what follows *position*: read once for all streams that stand there.

        What was read before the latest change is for nobody who knows of the change.
        """
        key = (change, feed, tuple(sorted(position.items())), asked)
        if key not in self._reading:
            reading = asyncio.create_task(self._page(feed, position, asked))
            self._reading[key] = reading
            loop = asyncio.get_running_loop()
            reading.add_done_callback(
                lambda _: loop.call_later(_SHARED_SECONDS, self._reading.pop, key, None)
            )
        return await asyncio.shield(self._reading[key])

    async def _page(
        self, feed: str, position: dict[int, int], asked: Filter
    ) -> tuple[Page, bytes] | None:
        doors = self._doors
        try:
            page = await read_page(
                doors.shelf, doors.servings, feed, position, _ITEMS_AT_ONCE, asked.passes
            )
            return page, self._written(feed, page)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the reader waits
            problem_of(fault)  # tells an operator of what nobody foresaw
            return None

    async def _may_be_shown(self, page: Page, caller: Caller) -> bool:
        """Have it recorded that *caller* is shown *page*, which may have been read for another."""
        try:
            await self._doors.disclosures.record(
                [each.served for each in page.items], "SSE", caller.identity
            )
        except Exception as fault:  # noqa: BLE001 - whatever it is, the reader waits
            problem_of(fault)
            return False
        return True

    async def _woken(self, change: asyncio.Event) -> bool:
        stopping = asyncio.ensure_future(self._doors.stopping.wait())
        changed = asyncio.ensure_future(change.wait())
        try:
            done, _ = await asyncio.wait(
                [stopping, changed], timeout=_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopping.cancel()
            changed.cancel()
        return bool(done)

    def _written(self, feed: str, page: Page) -> bytes:
        events = bytearray()
        if page.lost:
            cursor = self._doors.cursors.sealed(feed, page.begun)
            events += f"id: {cursor}\nevent: lost\n".encode()
            events += f'data: {{"lost":{page.lost},"cursor":"{cursor}"}}\n\n'.encode()
        for each in page.items:
            cursor = self._doors.cursors.sealed(feed, each.behind)
            name = each.served.view.kind.value.lower()
            events += f"id: {cursor}\nevent: {name}\ndata: ".encode()
            events += whole(each.served, cursor) + b"\n\n"
        return bytes(events)
