"""Security headers on every answer, and no request that another site made a browser send.

There are no CORS headers: no script of another site may read what is here. Credentials that a
browser sends by itself (a password it remembers, a client certificate) would make such a
script's form count all the same, so what changes something must come from our own pages.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker.gateway.problems import Problem

#: On every answer, where the route does not say otherwise (OWASP HTTP Headers Cheat Sheet).
DEFAULTS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: A year (RFC 6797); on TLS alone, elsewhere browsers ignore it.
STRICT_TRANSPORT = "max-age=31536000"

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
#: What Sec-Fetch-Site says of a request that our own page, or the person, made.
_OWN = {"same-origin", "none"}


class SecurityHeaders:
    """Wraps the whole application, so that its last-resort errors have the headers too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), scope)
            await send(message)

        app = _refuse if _is_cross_site(scope) else self._app
        await app(scope, receive, send_with_headers)


def _add(headers: MutableHeaders, scope: Scope) -> None:
    for name, text in DEFAULTS.items():
        headers.setdefault(name, text)
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)


def _is_cross_site(scope: Scope) -> bool:
    if scope["method"] in _SAFE:
        return False
    headers = Headers(scope=scope)
    # No script can set either header. A browser that has the first one is believed: under some
    # referrer policies the second says null of a page's own form.
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in _OWN
    origin = headers.get("origin")
    return origin is not None and not _is_own_origin(origin.lower(), headers, scope)


def _is_own_origin(origin: str, headers: Headers, scope: Scope) -> bool:
    """Whether *origin* is where this request came to: scheme, host and port (RFC 6454).

    A page that came in the clear is not ours where we speak TLS: anybody on the way wrote it.
    """
    host = headers.get("host", "").lower()
    # A proxy may end TLS without a word, so a page that came by TLS is always ours.
    scheme = headers.get("x-forwarded-proto", "") or scope.get("scheme", "")
    own = {f"https://{host}"} | ({f"http://{host}"} if scheme == "http" else set())
    return bool(host) and origin in own


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await Problem(400, "CROSS_SITE").response()(scope, receive, send)
