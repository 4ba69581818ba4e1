"""Counts and times every request, and makes a span of it, by the template of its route."""

import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.metrics import web
from broker.tracing import span

#: Stands for every path that no route has.
UNKNOWN = "unknown"
#: Routes by which a feed is read.
_READING = frozenset({"/v1/feeds/{feed}", "/v1/feeds/{feed}/stream"})
_REFUSED = 400


class Measured:
    """Wraps the whole application; paths never leave it, only templates do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        web.began()
        method = web.known_method(scope["method"])
        began, statuses = time.perf_counter(), [500]

        async def send_noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses[:] = [message["status"]]
                # A stream goes on for hours: what counts is when its answer began.
                _count(scope, statuses[0], time.perf_counter() - began)
            await send(message)

        parent = Headers(scope=scope).get("traceparent")
        try:
            with span("gateway.request", parent=parent, method=method) as work:
                try:
                    await self._app(scope, receive, send_noting)
                finally:
                    work.set_attribute("route", route_of(scope))
                    work.set_attribute("status", statuses[0])
        finally:
            web.ended()


def route_of(scope: Scope) -> str:
    """Return the template of the route that took the request of *scope*."""
    return str(getattr(scope.get("route"), "path", UNKNOWN))


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = route_of(scope)
    web.count_answer(route, scope["method"], status, seconds)
    if route in _READING and status < _REFUSED:
        web.note_read(scope["path_params"]["feed"])  # whoever is answered so may read it
