"""Requests to one gateway: TLS, credentials, bounded waiting, and the same request again."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

from broker.client.http.credentials import Credentials
from broker.client.http.refusals import error_of
from broker.client.http.retrying import Patience
from broker.errors import GatewayRefused, GatewayUnavailable

#: Silence for so long, seconds, ends a request.
_ANSWER_SECONDS = 45.0
_CONNECT_SECONDS = 15.0
#: The slowest link that a request is given time for, bytes a second.
_SLOWEST = 256
#: An answer may take so long, seconds, as long as it flows.
_LONGEST_ANSWER_SECONDS = 1800.0
_LARGEST_ANSWER_BYTES = 64 << 20
_WORTH_COMPRESSING = 400
_GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Attributes:
        path: Below the gateway's URL.
        body: What is sent; compressed if that is worth it.
        media_type: Of the body.
    """

    method: str
    path: str
    body: bytes = field(default=b"", repr=False)
    media_type: str = "application/json"
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered, below status 300."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class GatewayLink:
    """A way to one gateway; an async context manager.

    Args:
        url: Where the gateway is, such as ``https://gateway.example:8440``.
        credentials: Who we are.
        patience: How long a request is tried.

    Raises:
        SettingsInvalid: URL or credentials cannot be used.
    """

    def __init__(self, url: str, credentials: Credentials, patience: Patience) -> None:
        self._url = url.rstrip("/")
        self._tls = credentials.tls(url)
        self._credentials = credentials
        self._patience = patience
        self._token: str | None = None
        self._asking = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Make ready; nothing is sent yet."""
        connector = aiohttp.TCPConnector(ssl=self._tls or False, limit=8)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_SECONDS, sock_read=_ANSWER_SECONDS
            ),
            headers={"User-Agent": "lali", "Accept-Encoding": "gzip"},
        )
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, ask: Ask, patience: Patience | None = None) -> Answer:
        """Send a request, again while that may help, and return the answer.

        Raises:
            Rejected: What was sent is refused for good.
            GatewayUnavailable: No answer, or none that helps; it may have been done.
            GatewayRefused: It does not let us in, or there is nothing here for us.
        """
        return await (patience or self._patience).of(lambda: self.once(ask))

    @asynccontextmanager
    async def stream(self, ask: Ask) -> AsyncIterator[aiohttp.StreamReader]:
        """Open an answer without end; asked once, and left to the caller to ask again.

        Raises:
            GatewayUnavailable, GatewayRefused: As `ask`.
        """
        async with self._admitted(ask) as response:
            yield response.content

    async def once(self, ask: Ask) -> Answer:
        """Send a request once; otherwise as `ask`."""
        async with self._admitted(ask) as response:
            async with asyncio.timeout(_LONGEST_ANSWER_SECONDS):
                body = await _whole(response)
            return Answer(response.status, dict(response.headers), body)

    @asynccontextmanager
    async def _admitted(self, ask: Ask) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send *ask*; where a token counts no more, once again with a new one."""
        with _errors_told():
            token = await self._bearer()
            response = await self._sent(ask, token)
            if response.status == 401 and self._credentials.token is not None:
                response.release()
                response = await self._sent(ask, await self._bearer(instead_of=token))
            async with response:
                if response.status >= 300:
                    asked = response.headers.get("Retry-After")
                    raise error_of(response.status, await _whole(response), asked)
                yield response

    async def _sent(self, ask: Ask, bearer: str | None) -> aiohttp.ClientResponse:
        assert self._session is not None, "used outside of its context"
        headers = dict(ask.headers)
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        body = _compressed(ask, headers)
        async with asyncio.timeout(_CONNECT_SECONDS + _ANSWER_SECONDS + len(body) / _SLOWEST):
            return await self._session.request(
                ask.method,
                self._url + ask.path,
                data=body or None,
                params=ask.query or None,
                headers=headers,
                allow_redirects=False,  # what we send is for this gateway alone
            )

    async def _bearer(self, instead_of: str | None = None) -> str | None:
        if self._credentials.api_key is not None:
            return self._credentials.api_key.get_secret_value()
        source = self._credentials.token
        if source is None:
            return None
        async with self._asking:  # of many refused at once, one asks
            if self._token is None or self._token == instead_of:
                try:
                    self._token = await source()
                except Exception:  # noqa: BLE001 - whatever it is, its text may hold a secret
                    raise GatewayUnavailable("TOKEN_UNAVAILABLE") from None
            return self._token


def _compressed(ask: Ask, headers: dict[str, str]) -> bytes:
    if not ask.body:
        return b""
    headers["Content-Type"] = ask.media_type
    if len(ask.body) < _WORTH_COMPRESSING:
        return ask.body
    packed = gzip.compress(ask.body, _GZIP_LEVEL, mtime=0)
    if len(packed) >= len(ask.body):  # sealed content does not become smaller
        return ask.body
    headers["Content-Encoding"] = "gzip"
    return packed


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_ANSWER_BYTES:
            raise GatewayRefused("ANSWER_TOO_LARGE")
    return bytes(body)


class _errors_told:  # noqa: N801 - used as a verb
    """Turns what the HTTP library raises into codes: its texts may quote what was sent."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> None:
        match error:
            case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
                raise GatewayRefused("CERTIFICATE_UNTRUSTED") from None
            case TimeoutError():
                raise GatewayUnavailable("TIMED_OUT") from None
            case aiohttp.ClientConnectorError():
                raise GatewayUnavailable("CONNECT_FAILED") from None
            case aiohttp.ClientError() | OSError():
                raise GatewayUnavailable("BROKE_OFF") from None
