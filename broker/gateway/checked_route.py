"""Routes whose body is a model: who comes is asked and counted before any of it is read.

The body is then read as all bodies are: UTF-8, one object, no name twice.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from broker.gateway.caller import admit
from broker.gateway.identity.strict_json import StrictJsonInvalid, read_object
from broker.gateway.problems import Problem
from broker.model.reason import Reason


class CheckedRoute(APIRoute):
    """A route that takes a model from a caller."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, behind the credential and the form of the body."""
        inner = super().get_route_handler()
        takes_body = self.body_field is not None

        async def outer(request: Request) -> Response:
            if takes_body:
                admit(request)
                _check(await request.body())
            return await inner(request)

        return outer


def _check(body: bytes) -> None:
    try:
        read_object(body)
    except StrictJsonInvalid:
        raise Problem(422, Reason.JSON_SYNTAX.value, "body") from None
