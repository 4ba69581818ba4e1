"""Read a feed portion by portion: by stream where one holds, by pages where none does."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson
import structlog

from broker.client.http.events import Event, EventParser
from broker.client.http.link import Ask, GatewayLink
from broker.errors import GatewayRefused, GatewayUnavailable

log = structlog.get_logger()

Mode = Literal["stream", "pages"]
Item = Mapping[str, Any]

#: Between attempts at a gateway that is away, seconds; doubled up to the longest.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
#: After a stream that gave nothing, so many rounds of pages at most before the next one.
_MOST_ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Portion:
    """Some items of a feed, as JSON, and the cursor behind them.

    Attributes:
        lost: How many releases and recalls before them were deleted unread, at most.
    """

    items: Sequence[Item]
    behind: str
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a feed is read.

    Attributes:
        limit: Most items of a page.
        poll_seconds: Between two looks, where there is no stream.
        only: Filters of the gateway: exploitation, country, urgency, conveyance.
        form: full, or summary.
    """

    mode: Mode = "stream"
    to_end: bool = False
    limit: int = 50
    poll_seconds: float = 30.0
    only: Mapping[str, Sequence[str]] | None = None
    form: Literal["full", "summary"] = "full"

    def query(self) -> list[tuple[str, str]]:
        """Return the filters as a query."""
        return [(name, each) for name, values in (self.only or {}).items() for each in values]


class Portions:
    """Reads one feed from a cursor on.

    Args:
        cursor: Where to begin; None at the oldest.
    """

    def __init__(self, link: GatewayLink, feed: str, reading: Reading, cursor: str | None) -> None:
        self._link = link
        self._path = f"/v1/feeds/{feed}"
        self._how = reading
        self._cursor = cursor
        self._since: str | None = None
        self._pages_first = 0
        self._silent = 0

    async def skip_to_now(self) -> None:
        """Begin with what comes from now on, by the gateway's clock.

        That is told in whole seconds, and up to one late: rather two seconds early than late.
        """
        answer = await self._link.ask(Ask("GET", "/v1/feeds"))
        moment = parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
        self._since = moment.isoformat()

    async def read(self) -> AsyncIterator[Portion]:
        """Yield portions; to the present end, or for ever.

        A gateway that is away is waited for, unless reading is to the end.

        Raises:
            GatewayUnavailable: It is away, and reading is to the end.
            GatewayRefused: It does not let us in, or there is no such feed for us.
        """
        wait = _FIRST_WAIT
        while True:
            try:
                async for portion in self._round():
                    wait = _FIRST_WAIT
                    yield portion
                if self._how.to_end:
                    return
                wait = _FIRST_WAIT
                await asyncio.sleep(self._rest())
            except GatewayRefused:
                raise
            except GatewayUnavailable as error:
                if self._how.to_end:
                    raise
                log.warning("gateway.away", code=error.code)
                asked = error.retry_after_seconds or 0.0
                await asyncio.sleep(max(asked, wait) * (1 + random.random() / 4))  # noqa: S311
                wait = min(2 * wait, _LONGEST_WAIT)

    async def _round(self) -> AsyncIterator[Portion]:
        """Yield what a stream gives until it breaks, then pages until there are no more."""
        if self._streams_now():
            async for portion in self._streamed():
                yield portion
        more = True
        while more:
            portion, more = await self._page()
            yield portion

    def _streams_now(self) -> bool:
        if self._how.to_end or self._how.mode != "stream" or self._how.form != "full":
            return False
        if self._since is not None:  # the first page says where "now" is
            return False
        self._pages_first -= 1
        return self._pages_first < 0

    def _rest(self) -> float:
        if self._how.mode == "stream" and self._pages_first <= 0 and not self._silent:
            return random.random()  # noqa: S311 - a restart sends all readers here at once
        return self._how.poll_seconds * (1 + random.random() / 10)  # noqa: S311

    async def _page(self) -> tuple[Portion, bool]:
        query = [*self._how.query(), ("limit", str(self._how.limit)), ("form", self._how.form)]
        query += self._beginning()
        try:
            answer = await self._link.ask(Ask("GET", self._path, query=query))
        except GatewayRefused as refused:
            if refused.code != "CURSOR_INVALID" or self._cursor is None:
                raise
            # The gateway has a new secret. Rather everything twice than anything not at all.
            log.warning("position.refused", code=refused.code)
            self._cursor = None
            return await self._page()
        page = _json(answer.body)
        self._cursor, self._since = str(page["next"]), None
        portion = Portion(page["items"], self._cursor, _number(page.get("lost", 0)))
        return portion, bool(page["more"])

    def _beginning(self) -> list[tuple[str, str]]:
        if self._cursor is not None:
            return [("cursor", self._cursor)]
        return [("since", self._since)] if self._since is not None else []

    async def _streamed(self) -> AsyncIterator[Portion]:
        parser, is_let_in, gave = EventParser(), False, False
        ask = Ask("GET", f"{self._path}/stream", query=[*self._how.query(), *self._beginning()])
        try:
            async with self._link.stream(ask) as content:
                is_let_in = True
                async for piece in content.iter_any():
                    gave = True
                    if events := parser.feed(piece):
                        self._cursor = events[-1].id
                        yield _portion(events)
        except GatewayRefused as refused:
            if refused.code != "CURSOR_INVALID":
                raise  # the pages that follow find out what to do about a cursor
        except GatewayUnavailable as error:
            log.info("stream.ended", code=error.code)
            is_let_in = is_let_in or error.code == "STREAMS_FULL"
        # A gateway that is away says nothing of whether streams come through.
        self._silent = self._silent + 1 if is_let_in and not gave else 0
        self._pages_first = min(2 * self._silent, _MOST_ROUNDS)


def _portion(events: Sequence[Event]) -> Portion:
    told = [(event.name, _json(event.data)) for event in events]
    items = [each for name, each in told if name != "lost"]
    lost = sum(_number(each.get("lost", 0)) for name, each in told if name == "lost")
    return Portion(items, events[-1].id, lost)


def _number(found: object) -> int:
    if not isinstance(found, int):
        raise GatewayRefused("ANSWER_UNREADABLE")
    return found


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except ValueError:
        raise GatewayRefused("ANSWER_UNREADABLE") from None
    if not isinstance(found, dict):
        raise GatewayRefused("ANSWER_UNREADABLE")
    return found
