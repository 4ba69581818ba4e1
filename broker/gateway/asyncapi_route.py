"""GET /asyncapi.json: the topics, for those who read or write Kafka themselves."""

import json
from functools import cache

from fastapi import APIRouter, Request
from starlette.responses import Response

from broker.asyncapi import asyncapi_document
from broker.gateway.answers import answer
from broker.gateway.doors import Doors
from broker.wire.schema import catalogue


def router(_doors: Doors) -> APIRouter:
    """Return the route; it tells of no unit and of no feed, so it asks nobody who they are."""
    routes = APIRouter(tags=["Schemas"])

    @routes.get("/asyncapi.json", response_class=Response, include_in_schema=False)
    async def asyncapi(request: Request) -> Response:
        """Return the AsyncAPI document of the topics."""
        return answer(request, _body(), tagged=True)

    return routes


@cache
def _body() -> bytes:
    return json.dumps(asyncapi_document(catalogue())).encode()
