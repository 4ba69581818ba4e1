"""Requests under way: so many at once of one credential, until each is answered.

A stream is one of them only until it has its own place (`broker.gateway.stream_routes`).
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from broker.gateway.half_open import open_files
from broker.gateway.places import Full, Place, Places
from broker.gateway.problems import Problem

_PLACES, _TAKEN = "lali.places", "lali.place"
#: Most at once of one credential, and as a part of the files that the process may have open.
_MOST, _PART = 500, 4


class UnderWay:
    """Gives a place back when its request is over, however it ends."""

    def __init__(self, app: ASGIApp, most: int | None = None) -> None:
        self._app = app
        self._places = Places({"identity": most or min(_MOST, open_files() // _PART)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[_PLACES] = self._places
        try:
            await self._app(scope, receive, send)
        finally:
            leave_place(scope)


def take_place(scope: Scope, identity: str) -> None:
    """Take a place of *identity* for the request of *scope*, once.

    Raises:
        Problem: 429 TOO_MANY_AT_ONCE.
    """
    places: Places | None = scope.get(_PLACES)
    if places is None or _TAKEN in scope:
        return
    try:
        scope[_TAKEN] = places.take({"identity": identity})
    except Full:
        raise Problem(429, "TOO_MANY_AT_ONCE", retry_after=1) from None


def leave_place(scope: Scope) -> None:
    """Give the place of a request back, if it has one."""
    place: Place | None = scope.pop(_TAKEN, None)
    if place is not None:
        scope[_PLACES].give_back(place)
