"""Bound request bodies before anything reads them: their size, and how long they may stall."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.gateway.problems import Problem
from broker.model.reason import Reason

#: Longest silence within a body, seconds. A thin link is slow, and not silent.
STALLED_SECONDS = 60.0


class BodyLimit:
    """Ends a request whose body is too large or stands still.

    Args:
        app: What reads bodies.
        most: Largest body, bytes, as it comes over the wire.
        stalled_seconds: Longest silence within a body.
    """

    def __init__(self, app: ASGIApp, most: int, stalled_seconds: float = STALLED_SECONDS) -> None:
        self._app = app
        self._most = most
        self._stalled = stalled_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declares_too_much(scope):
            await _too_large().response()(scope, receive, send)
            return
        reading = _Reading(receive, send, self._most, self._stalled)
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
    def __init__(self, receive: Receive, send: Send, most: int, stalled: float) -> None:
        self._receive = receive
        self._send = send
        self._left = most
        self._stalled = stalled
        self._ended = False
        self.answered = False
        self.problem: Problem | None = None

    async def receive(self) -> Message:
        if self._ended:  # what follows a body is the disconnection, whenever it comes
            return await self._receive()
        try:
            async with asyncio.timeout(self._stalled):
                message = await self._receive()
        except TimeoutError:
            raise self._refused(Problem(408, "BODY_STALLED")) from None
        self._ended = not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise self._refused(_too_large())
        return message

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
