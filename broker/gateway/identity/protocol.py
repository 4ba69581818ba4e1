"""uvicorn's HTTP protocol, which tells the application who the peer is, and bounds the head.

No release of uvicorn passes the peer's certificate on; this puts it where the ASGI
specification has its TLS extension. `tests/test_gateway_identity_tls.py` pins what is relied on.
"""

import _ssl
import asyncio
import ssl

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from broker.gateway.half_open import HalfOpen
from broker.gateway.headers import DEFAULTS
from broker.gateway.identity.peer import Peer, peer_in
from broker.gateway.problems import MEDIA_TYPE, Problem
from broker.gateway.untaken import Untaken

#: Largest request line and headers together, bytes; a token is the largest of them.
MAX_HEAD_BYTES = 1 << 15
#: How long a client may take to send them, seconds.
HEAD_SECONDS = 20
#: How long a client may go on with a body after it was answered, seconds.
UNREAD_SECONDS = 5
#: How long a client may take nothing of an answer, seconds. A thin link is slow, and takes some.
UNTAKEN_SECONDS = 30


def _unreadable() -> bytes:
    """Return the answer to what cannot be read as HTTP: a problem, as every refusal is one."""
    body = Problem(400, "REQUEST_UNREADABLE").details().model_dump_json().encode()
    headers = {**DEFAULTS, "Content-Type": MEDIA_TYPE, "Content-Length": str(len(body))}
    lines = [f"{name}: {text}" for name, text in {**headers, "Connection": "close"}.items()]
    return "\r\n".join(["HTTP/1.1 400 Bad Request", *lines, "", ""]).encode("ascii") + body


_UNREADABLE = _unreadable()


class HeadTooLarge(Exception):
    """Request line and headers are beyond the bound."""


class HostInvalid(Exception):
    """A request without a Host, or with several (RFC 9112 §3.2)."""


class PeerProtocol(HttpToolsProtocol):
    """Puts ``scope["extensions"]["tls"]`` into each request: the peer and the TLS version."""

    #: Those that a head is awaited from, shared by the connections of one gateway.
    half_open = HalfOpen()
    _tls: dict[object, object] | None = None
    _deadline: asyncio.TimerHandle | None = None
    _untaken: Untaken | None = None
    _in_head = True
    _head_bytes = 0
    _is_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read who connected, once the handshake is done."""
        super().connection_made(transport)
        self._untaken = Untaken(transport, UNTAKEN_SECONDS, self.cut)
        self._expect_head()
        if (secured := transport.get_extra_info("ssl_object")) is not None:
            self._tls = {"tls_version": secured.version(), "peer": _peer(secured)}

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._head_came()
        if self._untaken is not None:
            self._untaken.forget()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start a request, with what is known of the connection."""
        super().on_message_begin()
        self._expect_head()
        if self._tls is not None:
            self.scope["extensions"] = {"tls": self._tls}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the body (a trailer) is none."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the application begin.

        Raises:
            HeadTooLarge: They are beyond the bound; the parser answers 400.
            HostInvalid: There is no Host, or more than one; likewise.
        """
        self._head_came()
        if len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > MAX_HEAD_BYTES:
            raise HeadTooLarge
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise HostInvalid
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read on; a head that does not end is cut off."""
        if self._is_over:
            return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("Invalid HTTP request received.")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        """Refuse what cannot be read. A whole request that came before it is answered first.

        Its answer says what became of it: it may be published already.
        """
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            self.transport.write(_UNREADABLE)
            self.transport.close()
            return
        self._is_over = True
        self._head_came()
        cycle.keep_alive = False

    def pause_writing(self) -> None:
        """Wait until the client takes what was sent; for so long as it takes some."""
        super().pause_writing()
        if self._untaken is not None:
            self._untaken.watch()

    def on_response_complete(self) -> None:
        """Go on to the next request; a body that nobody wants any more has an end, too."""
        super().on_response_complete()
        if self._untaken is not None:
            self._untaken.watch()
        if self.cycle.more_body and not self.transport.is_closing():
            self._deadline = self.loop.call_later(UNREAD_SECONDS, self.transport.close)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        if self.cycle.response_complete:
            self._head_came()  # what was not wanted any more has ended
        super().on_message_complete()

    def cut(self) -> None:
        """End the connection at once, without a word."""
        self.transport.abort()

    def _expect_head(self) -> None:
        self._head_came()
        self._in_head, self._head_bytes = True, 0
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)
        self.half_open.add(self, self.client[0] if self.client else "")

    def _head_came(self) -> None:
        self._in_head = False
        self.half_open.remove(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _peer(secured: ssl.SSLObject) -> Peer | None:
    if secured.context.verify_mode == ssl.CERT_NONE:
        return None  # nobody verified what may be there
    certificate = secured.getpeercert(binary_form=True)
    try:
        return peer_in(certificate, _chain(secured)) if certificate else None
    except ValueError:
        return None


def _chain(secured: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates above the client's, in DER, as the handshake found their path."""
    # Public on the object itself from Python 3.13 on.
    path = secured._sslobj.get_verified_chain() or []  # type: ignore[attr-defined]  # noqa: SLF001
    return tuple(each.public_bytes(_ssl.ENCODING_DER) for each in path[1:])
