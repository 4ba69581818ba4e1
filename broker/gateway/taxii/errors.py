"""Every refusal below /taxii2 is TAXII's error object (TAXII 2.1, section 3.6)."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from broker.errors import LaliError
from broker.gateway.problems import problem_of

MEDIA_TYPE = "application/taxii+json;version=2.1"

Handler = Callable[[Request], Awaitable[Response]]


class TaxiiRoute(APIRoute):
    """A route whose refusals are error objects, with the codes of problem details."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return what answers a request."""
        inner: Handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await inner(request)
            except (LaliError, RequestValidationError, HTTPException) as error:
                return _error_object(error)

        return answered


def _error_object(error: Exception) -> Response:
    problem = problem_of(error)
    details = problem.details()
    body: dict[str, Any] = {
        "title": details.title,
        "error_code": details.code,
        "http_status": str(details.status),
    }
    if details.errors:
        body["details"] = {each.path: each.code for each in details.errors}
    said = problem.response()
    kept = {
        name: said.headers[name]
        for name in ("retry-after", "www-authenticate")
        if name in said.headers
    }
    if details.status == 405:
        kept["Allow"] = "GET"
    return Response(orjson.dumps(body), details.status, headers=kept, media_type=MEDIA_TYPE)
