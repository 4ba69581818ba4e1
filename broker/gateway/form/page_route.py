"""Routes whose errors are pages, too: plain words, and the same bytes for absent and forbidden."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from broker.errors import LaliError
from broker.gateway.form.entrance import Entrance, SignInFirst
from broker.gateway.form.pages import page
from broker.gateway.form.typed import Typed
from broker.gateway.problems import Problem, problem_of

_SAYS = {
    400: ("This could not be read", "Go back and try again."),
    404: ("Nothing is here", "This page does not exist, or it is not yours."),
    413: ("This is too long", "Go back and make it shorter."),
    429: ("Too many tries", "Wait a minute, then try again."),
    503: ("Not now", "The system cannot answer just now. Wait a minute, then try again."),
}
_OTHER = ("This did not work", "Go back and try again.")


def page_router(entrance: Entrance) -> APIRouter:
    """Return a router whose errors are pages."""

    class PageRoute(APIRoute):
        """A route of the form."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """Return the handler, with errors as pages."""
            inner = super().get_route_handler()

            async def outer(request: Request) -> Response:
                try:
                    return await inner(request)
                except (LaliError, RequestValidationError) as error:
                    return _page_of(request, entrance, error)

            return outer

    return APIRouter(
        route_class=PageRoute, include_in_schema=False, default_response_class=Response
    )


def _page_of(request: Request, entrance: Entrance, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status == 401:
        typed = error.typed if isinstance(error, SignInFirst) else Typed({})
        said = "You were signed out. Sign in again; what you wrote is kept." if typed else ""
        return entrance.sign_in_page(request, 401, typed, error=said)
    return message(request, problem)


def message(request: Request, problem: Problem) -> Response:
    """Return *problem* as a page."""
    title, says = _SAYS.get(problem.status, _OTHER)
    response = page(request, "message", problem.status, visitor=None, title=title, says=says)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = problem.response().headers["Retry-After"]
    return response
