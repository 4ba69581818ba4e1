"""POST /v1/feeds/{feed}/receipts: what recipients say of what they received."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from broker.gateway import examples
from broker.gateway.answers import answer
from broker.gateway.asked import FeedId
from broker.gateway.caller import Caller, Right, needs
from broker.gateway.checked_route import CheckedRoute
from broker.gateway.disclosures import answer_entry
from broker.gateway.doors import Doors
from broker.gateway.problems import documented, not_found
from broker.model.exchange import (
    Fault,
    ReceiptLine,
    ReceiptResult,
    Receipts,
    ReceiptsAnswer,
    ReceiptState,
)

#: So long what another gateway served may be on its way here, seconds.
_ELSEWHERE_SECONDS = 2.0
_LOOKED_EVERY_SECONDS = 0.1


def router(doors: Doors) -> APIRouter:
    """Return the route by which receipts are given."""
    routes = APIRouter(tags=["Feeds"], route_class=CheckedRoute)

    @routes.post(
        "/v1/feeds/{feed}/receipts",
        status_code=202,
        response_model=ReceiptsAnswer,
        responses={
            **examples.answered(202, examples.RECORDED),
            **documented(400, 401, 404, 422, 429, 503),
        },
        openapi_extra=examples.body(examples.RECEIPTS),
    )
    async def receipts(
        request: Request,
        feed: FeedId,
        given: Receipts,
        caller: Annotated[Caller, Depends(needs(Right.ACKNOWLEDGE))],
    ) -> Response:
        """Say what became of releases and recalls: received, acknowledged, acted upon, refused.

        Recorded in the audit log before the answer. The same receipt again changes nothing.
        """
        if feed not in caller.feeds:
            raise not_found()
        await _until_known(doors, feed, given.receipts)
        faults = [_faults(doors, feed, line) for line in given.receipts]
        good = [line for line, wrong in zip(given.receipts, faults, strict=True) if not wrong]
        await doors.audit.write((line.alert_id, _entry(doors, caller, feed, line)) for line in good)
        results = [
            ReceiptResult(
                alert_id=line.alert_id, revision=line.revision, recorded=not wrong, errors=wrong
            )
            for line, wrong in zip(given.receipts, faults, strict=True)
        ]
        return answer(request, ReceiptsAnswer(results=tuple(results)), status=202)

    return routes


def _faults(doors: Doors, feed: str, line: ReceiptLine) -> tuple[Fault, ...]:
    if (line.state is ReceiptState.REFUSED) != (line.reason is not None):
        code = "FIELD_MISSING" if line.reason is None else "FIELD_INVALID"
        return (Fault(path="reason", code=code),)
    if not _was_handed_over(doors, feed, line):
        return (Fault(path="alert_id", code="NOT_FOUND"),)
    return ()


def _was_handed_over(doors: Doors, feed: str, line: ReceiptLine) -> bool:
    """Whether the feed's recipient was shown it, or its connector took it.

    For all else the answer is the same: that it lies in the feed is not told by a receipt.
    """
    if doors.shelf.find(feed, line.alert_id, line.revision) is None:
        return False
    if doors.shelf.was_shown(feed, line.alert_id, line.revision):
        return True
    mark = doors.holdings.mark(line.alert_id, feed)
    return mark is not None and mark.held and mark.revision >= line.revision


async def _until_known(doors: Doors, feed: str, lines: Sequence[ReceiptLine]) -> None:
    """Wait a moment for what another gateway handed over just now: the audit log tells of it."""
    ends = asyncio.get_running_loop().time() + _ELSEWHERE_SECONDS
    while not all(_was_handed_over(doors, feed, line) for line in lines):
        if asyncio.get_running_loop().time() > ends:
            return
        await asyncio.sleep(_LOOKED_EVERY_SECONDS)


def _entry(doors: Doors, caller: Caller, feed: str, line: ReceiptLine) -> bytes:
    now = doors.clock()
    return answer_entry(
        line.state, feed, line.alert_id, line.revision, now, caller.identity, line.reason
    )
