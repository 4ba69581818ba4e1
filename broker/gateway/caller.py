"""Who calls, and what they may do here; a route says which right it needs.

caller: Annotated[Caller, Depends(needs(Right.READ))]
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Protocol

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBase, HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.types import Scope

from broker.gateway.limits import Limiter
from broker.gateway.problems import Problem, not_found
from broker.gateway.under_way import take_place
from broker.model.community import Right

__all__ = ["Caller", "Recognises", "Right", "admitted", "needs"]


_CALLER = "lali.caller"


@dataclass(frozen=True, slots=True)
class Caller:
    """A unit, as one credential of it may act.

    Attributes:
        unit: Id of the unit.
        rights: What unit, role and credential all allow.
        feeds: Ids of the feeds that it may read: the unit's active ones, as far as the
            credential allows.
        identity: Stable name of the credential for rate limits and logs, such as
            ``key:ab12cd34``; never a secret.
    """

    unit: str
    rights: frozenset[Right]
    feeds: frozenset[str]
    identity: str


class Recognises(Protocol):
    """Tells who calls; `broker.gateway.identity.doorkeeper.Doorkeeper` is the one that does."""

    def caller(self, scope: Scope) -> Caller:
        """Return who sent the request of *scope*; raises `Problem` 401 if nobody known did."""

    def address(self, scope: Scope) -> str:
        """Return the network address that the request came from."""


class _Declared(SecurityBase):
    """Tells the OpenAPI document of a way in; the doorkeeper does the rest."""

    def __init__(self, name: str, model: HTTPBase) -> None:
        self.scheme_name = name
        self.model = model

    async def __call__(self) -> None:
        """Take nothing from the request."""


_KEY_OR_TOKEN = _Declared(
    "keyOrToken",
    HTTPBearer(
        description="An API key (lali_...) or an OAuth 2.0 access token (RFC 9068). "
        "A client certificate of the unit does as well, without any header."
    ),
)
_BASIC = _Declared(
    "basic", HTTPBase(scheme="basic", description="User: the API key's id. Password: the key.")
)


@cache
def needs(right: Right) -> Callable[..., Awaitable[Caller]]:
    """Return the dependency that gives a route its caller, who has *right*.

    The dependency raises `Problem`: 401 without a credential that counts, 429 beyond the rate,
    404 without the right, as for what is absent.
    """

    async def caller(
        request: Request,
        _token: Annotated[Any, Security(_KEY_OR_TOKEN)],
        _basic: Annotated[Any, Security(_BASIC)],
    ) -> Caller:
        found = admit(request)
        if right not in found.rights:
            raise not_found()
        return found

    return caller


def admit(request: Request) -> Caller:
    """Return who calls, as `admitted` does, once for each request.

    Raises:
        Problem: As `admitted`.
    """
    found: Caller | None = request.scope.get(_CALLER)
    if found is None:
        found = request.scope[_CALLER] = admitted(request)
    return found


def admitted(request: Request) -> Caller:
    """Return who calls, whatever their rights, and count the request.

    Raises:
        Problem: 401 without a credential that counts, 429 beyond the rate.
    """
    doorkeeper: Recognises = request.app.state.doors.doorkeeper
    limiter: Limiter = request.app.state.doors.limiter
    try:
        found = doorkeeper.caller(request.scope)
    except Problem:
        limiter.count_stranger(doorkeeper.address(request.scope))
        raise
    limiter.count(found.identity)
    take_place(request.scope, found.identity)
    return found
