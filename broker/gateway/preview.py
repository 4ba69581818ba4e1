"""POST /v1/alerts:preview: the dry run that publishers ask for.

It refuses what publishing would refuse, and answers from the bundle in force. Nothing is
published, kept or logged, and Kafka need not be there.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from broker.errors import Rejected
from broker.gateway import bodies
from broker.gateway.answers import answer
from broker.gateway.asked import Moment
from broker.gateway.bodies import Sent, alerts_in, media_type, read_body
from broker.gateway.caller import Caller, Right, needs
from broker.gateway.completing import Completing, without_confirmation
from broker.gateway.doors import Doors
from broker.gateway.examples import DRAFT
from broker.gateway.problems import Problem, documented
from broker.model.exchange import Fault
from broker.model.preview import Preview, PreviewBatch, PreviewResult
from broker.model.reason import Reason
from broker.pipeline.preview import found_in, preview

#: Most drafts in one request: each may need several plans, some 25 ms of a core each.
MOST_DRAFTS = 20

PREVIEWED: dict[str, Any] = {
    "feeds": 4,
    "receives": [
        {
            "feed": "samoa-immigration-border",
            "unit": "samoa-immigration",
            "recipient_class": "IMMIGRATION",
            "country": "WS",
            "purpose": "BORDER_RISK",
            "feeds": 1,
            "sees": ["summary"],
            "withheld": ["victims"],
            "rules": [
                {
                    "id": "immigration-border",
                    "effect": "permit",
                    "why": "Border desks on the route learn of documents, conveyances and "
                    "movements: refer, do not detain.",
                }
            ],
        },
        {
            "recipient_class": "TCU",
            "country": "WS",
            "purpose": "INVESTIGATE",
            "feeds": 1,
            "sees": ["summary"],
            "withheld": ["victims"],
            "rules": [],
        },
    ],
    "withheld": [],
    "warnings": [
        {
            "code": "NAME_IN_SUMMARY",
            "path": "compartments.summary.headline",
            "start": 11,
            "end": 28,
        }
    ],
}

_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {bodies.JSON: {"schema": bodies.drafts(MOST_DRAFTS), "example": DRAFT}},
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Preview | PreviewBatch,
        "description": "What would become of it.",
        "content": {"application/json": {"example": PREVIEWED}},
    }
}

_At = Annotated[
    Moment | None, Query(description="For which moment; now if not given. Decides on embargoes.")
]


def router(doors: Doors) -> APIRouter:
    """Return the route of the dry run."""
    routes = APIRouter(tags=["Publish"])

    @routes.post(
        "/v1/alerts:preview",
        response_model=Preview | PreviewBatch,
        responses={**_ANSWERS, **documented(400, 401, 404, 413, 415, 422, 429)},
        openapi_extra=_OPENAPI,
        summary="Ask who would see what, and publish nothing.",
    )
    async def ask(
        request: Request,
        caller: Annotated[Caller, Depends(needs(Right.PREVIEW))],
        at: _At = None,
    ) -> Response:
        """Say which feeds would receive a draft, what each would see, and by which rules.

        The draft is what `POST /v1/alerts` takes in JSON; an array of up to 20 is answered in
        its order. Recipients of the originator's organisation or of a community that it shares
        are named; others are told by class, country and purpose. Warnings name what identifies
        people in the summary, victims named elsewhere, and labels that reach nobody; those
        with `confirm` stop a publication that does not say `confirm_warnings`.
        """
        body = await read_body(request, doors.settings.gateway_body_bytes)
        if media_type(request) != bodies.JSON:
            raise Problem(415, "MEDIA_TYPE_UNKNOWN")
        form, sent = alerts_in(body, bodies.JSON)
        moment = at or doors.now()
        if form == "one":
            return answer(request, await _preview(doors, caller.unit, sent[0], moment))
        return answer(request, await _previews(doors, caller.unit, sent, moment))

    return routes


async def _previews(doors: Doors, unit: str, sent: Sequence[Sent], moment: datetime) -> BaseModel:
    if len(sent) > MOST_DRAFTS:
        raise Problem(413, Reason.ITEMS.value)
    results = [await _result(doors, unit, each, moment) for each in sent]
    return PreviewBatch(previews=tuple(results))


async def _result(doors: Doors, unit: str, sent: Sent, moment: datetime) -> PreviewResult:
    try:
        return PreviewResult(preview=await _preview(doors, unit, sent, moment))
    except Rejected as rejected:
        return PreviewResult(errors=(Fault(path=rejected.path, code=rejected.reason.value),))


async def _preview(doors: Doors, unit: str, sent: Sent, moment: datetime) -> Preview:
    if isinstance(sent, Rejected):
        raise sent
    assert not isinstance(sent, bytes)  # JSON holds drafts
    draft, _ = without_confirmation(sent)
    alert = Completing(doors, unit, doors.now()).completed(draft)
    # A long text and many names take a second: streams and pages go on meanwhile.
    found = await asyncio.to_thread(found_in, alert)
    return preview(alert, doors.decider, int(moment.timestamp() * 1000), found)
