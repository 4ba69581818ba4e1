"""Which host a request is for: one name, of those that this gateway goes by.

Nothing that is answered is made from it, and no answer sends anybody elsewhere. A page that was
reached by a name of somebody else's (DNS rebinding) would pass for its own all the same.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from broker.gateway.problems import Problem
from broker.settings import Settings

#: Names of this machine for itself.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: uri-host [":" port] (RFC 9110, section 7.2), as far as anybody names a gateway.
_HOST = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?))(?::\d{1,5})?"
)
#: Asked by whoever balances gateways, by address (`broker.gateway.health`).
_FOR_ANYBODY = frozenset({"/healthz", "/readyz"})


class Hosts:
    """Refuses requests that name no host, several, or one that is not ours.

    Args:
        app: What serves the others.
        names: Names that count, lower case; empty: any.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        problem = self._fault(scope) if scope["type"] == "http" else None
        app = self._app if problem is None else problem.response()
        await app(scope, receive, send)

    def _fault(self, scope: Scope) -> Problem | None:
        named = [value for name, value in scope["headers"] if name == b"host"]
        if not named and scope["http_version"] == "1.0":
            return None  # it had no such header yet
        found = _HOST.fullmatch(named[0].decode("latin-1")) if len(named) == 1 else None
        if found is None:
            return Problem(400, "HOST_INVALID")
        name = (found[1] or found[2]).lower()
        if self._names and name not in self._names and scope["path"] not in _FOR_ANYBODY:
            return Problem(421, "HOST_UNKNOWN")
        return None


def hosts_of(settings: Settings) -> frozenset[str]:
    """Return the names by which a gateway is called; none where any will do.

    One that listens on loopback alone, and was told no names, goes by those of loopback.
    """
    if settings.gateway_hosts:
        return frozenset(each.lower() for each in settings.gateway_hosts)
    host = settings.gateway_host.lower()
    return LOOPBACK | {host} if host == "localhost" or _is_loopback(host) else frozenset()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
