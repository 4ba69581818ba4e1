"""Bound request bodies before anything reads them: their size, their time, and their silences."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.gateway.problems import Problem
from broker.model.reason import Reason

#: Longest silence within a body, seconds. A thin link is slow, and not silent.
STALLED_SECONDS = 60.0
#: A whole body may take so long, seconds, and longer by what has come of it at the rate of the
#: thinnest link that is waited for, bytes a second.
PATIENCE_SECONDS = 30.0
THINNEST_LINK = 500


class BodyLimit:
    """Ends a request whose body is too large or stands still.

    Args:
        app: What reads bodies.
        most: Largest body, bytes, as it comes over the wire.
        stalled_seconds: Longest silence within a body.
        patience_seconds: How long a whole body may take, whatever comes of it.
    """

    def __init__(
        self,
        app: ASGIApp,
        most: int,
        stalled_seconds: float = STALLED_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._app = app
        self._most = most
        self._stalled = stalled_seconds
        self._patience = patience_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declares_too_much(scope):
            await _too_large().response()(scope, receive, send)
            return
        reading = _Reading(receive, send, self._most, self._stalled, self._patience)
        try:
            await self._app(scope, reading.receive, reading.send)
        except Problem:
            if reading.problem is None:
                raise
        # Whatever the application made of a body that ended early: this is what it was.
        if reading.problem is not None and not reading.answered:
            await reading.problem.response()(scope, receive, send)

    def _declares_too_much(self, scope: Scope) -> bool:
        declared = Headers(scope=scope).get("content-length", "0")
        return not (declared.isascii() and declared.isdigit()) or int(declared) > self._most


class _Reading:
    def __init__(
        self, receive: Receive, send: Send, most: int, stalled: float, patience: float
    ) -> None:
        self._receive = receive
        self._send = send
        self._left = most
        self._stalled = stalled
        self._until = asyncio.get_running_loop().time() + patience
        self._ended = False
        self.answered = False
        self.problem: Problem | None = None

    async def receive(self) -> Message:
        if self._ended:  # what follows a body is the disconnection, whenever it comes
            return await self._receive()
        try:
            async with asyncio.timeout(self._time_left()):
                message = await self._receive()
        except TimeoutError:
            raise self._refused(Problem(408, "BODY_STALLED")) from None
        self._ended = not message.get("more_body", False)
        came = len(message.get("body", b""))
        self._left -= came
        self._until += came / THINNEST_LINK
        if self._left < 0:
            raise self._refused(_too_large())
        return message

    def _time_left(self) -> float:
        now = asyncio.get_running_loop().time()
        return min(self._stalled, max(0.0, self._until - now))

    async def send(self, message: Message) -> None:
        if self.problem is None or self.answered:
            self.answered = True
            await self._send(message)

    def _refused(self, problem: Problem) -> Problem:
        self._ended = True
        self.problem = problem
        return problem


def _too_large() -> Problem:
    return Problem(413, Reason.OVERSIZED.value)
