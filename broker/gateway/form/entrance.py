"""Who is at the form: by the session of a key that was typed once, or by certificate.

A session is worth what its key is worth at this moment: every request asks again.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.types import Scope

from broker.gateway.caller import Caller, Right
from broker.gateway.doors import Doors
from broker.gateway.form.pages import page
from broker.gateway.form.session import Session, Sessions
from broker.gateway.form.typed import Typed
from broker.gateway.problems import Problem, not_found, unauthenticated
from broker.gateway.under_way import take_place

#: Longest key that is looked at, characters.
_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the form.

    Attributes:
        caller: The unit, and what it may do.
        session: Whose pages it sees.
        is_new: The session began with this request: its cookie must be set.
    """

    caller: Caller
    session: Session
    is_new: bool = False

    @property
    def follows(self) -> bool:
        """Whether it may see and withdraw what its unit reported."""
        return Right.FOLLOW in self.caller.rights


class SignInFirst(Problem):
    """Nobody known is there; what was typed is kept until somebody is.

    Args:
        problem: Why.
        typed: What was typed.
    """

    def __init__(self, problem: Problem, typed: Typed) -> None:
        super().__init__(problem.status, problem.code, retry_after=problem.retry_after)
        self.typed = typed


class Entrance:
    """Lets people in who may report.

    Args:
        doors: The gateway's parts.
    """

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self.sessions = Sessions(doors.secrets.present, doors.ended)
        self._emergency = doors.settings.gateway_emergency

    def visitor(self, request: Request) -> Visitor:
        """Return who is there, and count the request.

        Raises:
            Problem: 401 if nobody known, 404 if they may not report, 429 beyond the rate.
        """
        found = self._known(request)
        self._doors.limiter.count(found.caller.identity)
        take_place(request.scope, found.caller.identity)
        if Right.REPORT not in found.caller.rights:
            raise not_found()
        return found

    def _known(self, request: Request) -> Visitor:
        keeper = self._doors.doorkeeper
        session = self._session(request, _SESSION)
        try:
            if session and session.key_id:
                return Visitor(keeper.caller_of_session(request.scope, session.key_id), session)
            caller = keeper.caller(request.scope)
        except Problem:
            self._doors.limiter.count_stranger(keeper.address(request.scope))
            raise
        if session and session.identity == caller.identity:
            return Visitor(caller, session)
        return Visitor(caller, self.sessions.begin(caller.identity, self._now()), is_new=True)

    def refuse_stranger(self, request: Request) -> None:
        """Refuse who has failed too often, before anything of the request is read.

        Raises:
            Problem: 429.
        """
        self._doors.limiter.refuse_stranger(self._doors.doorkeeper.address(request.scope))

    def sign_in(self, request: Request, key: str) -> Visitor:
        """Return who holds *key*.

        Raises:
            Problem: 401 if it does not count, or may not report; 429 after too many tries.
        """
        keeper = self._doors.doorkeeper
        try:
            caller = keeper.caller(_with_key(request.scope, key))
            if not caller.identity.startswith("key:") or Right.REPORT not in caller.rights:
                raise unauthenticated()
        except Problem:
            self._doors.limiter.count_stranger(keeper.address(request.scope))
            raise
        self._doors.limiter.count(caller.identity)
        return Visitor(caller, self.sessions.begin(caller.identity, self._now()), is_new=True)

    def page(
        self, request: Request, visitor: Visitor, template: str, /, status: int = 200, **values: Any
    ) -> Response:
        """Return a page for somebody who is signed in."""
        unit = self._doors.community.units[visitor.caller.unit]
        token = self.sessions.token(visitor.session)
        known = {"visitor": visitor, "unit": unit, "token": token, "emergency": self._emergency}
        response = page(request, template, status, **{**known, **values})
        self.remember(request, response, visitor)
        return response

    def sign_in_page(
        self, request: Request, status: int, typed: Typed, *, error: str = ""
    ) -> Response:
        """Return the page that asks for a key; *typed* goes on from it."""
        session = self._stranger(request) or self.sessions.begin("", self._now())
        token = self.sessions.token(session)
        told = {"error": error, "emergency": self._emergency}
        given = {"visitor": None, "typed": typed, "token": token, **told}
        response = page(request, "sign_in", status, **given)
        if status == 401:
            # A scheme that no browser answers by itself (RFC 9110, section 11.6.1).
            response.headers["WWW-Authenticate"] = 'Lali-Form realm="lali"'
            self._drop(request, response, _SESSION)
        self._set(request, response, _STRANGER, session)
        return response

    def is_own(self, request: Request, token: str) -> bool:
        """Whether the sign-in page of this browser sent *token*."""
        session = self._stranger(request)
        return session is not None and self.sessions.is_genuine(token, session)

    def remember(self, request: Request, response: Response, visitor: Visitor) -> None:
        """Set the cookie of a session that is new."""
        if visitor.is_new:
            self._set(request, response, _SESSION, visitor.session)
            self._drop(request, response, _STRANGER)

    async def sign_out(self, request: Request, response: Response) -> None:
        """End the session of a request; *response* takes its cookie away.

        Raises:
            StorageUnavailable: It is not ended.
        """
        if session := self._session(request, _SESSION):
            await self.sessions.end(session, self._now())
        self._drop(request, response, _SESSION)

    def _stranger(self, request: Request) -> Session | None:
        return self._session(request, _STRANGER)

    def _session(self, request: Request, name: str) -> Session | None:
        cookie = request.cookies.get(_named(name, request), "")
        session = self.sessions.read(cookie, self._now())
        return session if session and bool(session.identity) == (name == _SESSION) else None

    def _set(self, request: Request, response: Response, name: str, session: Session) -> None:
        # Without an age it ends with the browser, on a phone that several people use.
        response.set_cookie(
            _named(name, request), self.sessions.written(session),
            path="/", secure=_is_secure(request), httponly=True, samesite="strict",
        )  # fmt: skip

    def _drop(self, request: Request, response: Response, name: str) -> None:
        if _named(name, request) in request.cookies:
            response.delete_cookie(
                _named(name, request), path="/", secure=_is_secure(request), httponly=True,
                samesite="strict",
            )  # fmt: skip

    def _now(self) -> int:
        return self._doors.clock()


_SESSION, _STRANGER = "lali-report", "lali-sign-in"


def _named(name: str, request: Request) -> str:
    # A neighbour below the same domain cannot plant a cookie with this prefix (RFC 6265bis).
    return f"__Host-{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    # Whoever claims TLS that is not there only loses its own cookie.
    forwarded = request.headers.get("x-forwarded-proto", "")
    return request.url.scheme == "https" or forwarded == "https"


def _with_key(scope: Scope, key: str) -> Scope:
    text = key.strip()
    if not (text.startswith("lali_") and text.isascii() and len(text) <= _LONGEST_KEY):
        raise unauthenticated()
    kept = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": [*kept, (b"authorization", b"Bearer " + text.encode())]}
