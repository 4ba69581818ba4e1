"""Deliver each release as one signed HTTPS POST.

The body is the release as JSON, signed as Standard Webhooks 1.0 says: `webhook-id`,
`webhook-timestamp`, `webhook-signature` (``v1,`` base64 of HMAC-SHA256 over
``id.timestamp.body``). `Idempotency-Key` and `webhook-id` are the same in every repetition.

Delivery guarantee: at least once; the recipient sees a repetition by its key. Any 2xx is the
receipt, and so is 409: taken before. Redirects are never followed.

What a partner's server answers of the link, and not of the release, is an outage of the link:
a credential that it does not know any more (401, 403, 407), an address where nobody takes
anything (404, 405, 410, 421), a redirect. Only what it says of this release is a refusal.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from broker.connector import ConnectorSettings, NotPermitted, Secret, permitted
from broker.errors import RecipientRefused, RecipientUnavailable
from broker.model.release import Receipt, Release
from broker.wire.alert_codec import decode_release
from connectors.address import (
    PublicOnlyResolver,
    host_of,
    is_loopback,
    literal_address,
    may_reach,
    socket_guard,
)

#: Answers that speak of the release: its form, size, type, or content.
_OF_THE_RELEASE = frozenset({400, 406, 411, 413, 414, 415, 417, 422, 424, 431, 451})
_TAKEN_BEFORE = 409
_LONGEST_WAIT_SECONDS = 3600.0
#: Standard Webhooks 1.0 asks for 24 to 64 bytes.
_SHORTEST_KEY_BYTES = 24


def _is_signing_key(secret: SecretStr) -> SecretStr:
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValueError("SECRET_NOT_BASE64") from None
    if len(key) < _SHORTEST_KEY_BYTES:
        raise ValueError("SECRET_TOO_SHORT")
    return secret


SigningKey = Annotated[Secret, AfterValidator(_is_signing_key)]


class WebhookSettings(ConnectorSettings):
    """Where to post, and the secret that signs."""

    allow_loopback: bool = Field(False, description="For tests and demos on one machine.")
    allow_private: bool = Field(False, description="Recipients in a private network.")
    url: str = Field(description="https address. http only to loopback, where that is allowed.")
    secret: SigningKey = Field(description="whsec_ and base64, as Standard Webhooks writes it.")
    previous_secret: SigningKey | None = Field(
        None, description="Signs too, while the recipient changes over."
    )
    timeout_seconds: float = Field(20.0, gt=0, le=300, description="Longest wait, seconds.")

    @field_validator("url")
    @classmethod
    def _address_is_safe(cls, url: str, known: ValidationInfo) -> str:
        parts = _split(url)
        host = host_of(url)  # what is connected to, not what is written
        loopback = bool(known.data.get("allow_loopback")) and is_loopback(host)
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise ValueError("HTTPS_ONLY")
        # A resolver is never asked about an address that is written out.
        address = literal_address(host)
        if address and not may_reach(address, **_allowed(known.data)):
            raise ValueError("ADDRESS_NOT_ALLOWED")
        return url


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("ADDRESS_INVALID") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("CREDENTIALS_IN_URL")
    if not parts.hostname:
        raise ValueError("ADDRESS_INVALID")
    return parts


def _allowed(settings: dict[str, Any]) -> dict[str, bool]:
    return {name: bool(settings.get(name)) for name in ("allow_loopback", "allow_private")}


class Webhook:
    """Posts the releases of one feed."""

    def __init__(self, settings: WebhookSettings, feed: str) -> None:
        self._settings = settings
        self._feed = feed
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the connection pool; addresses are checked as they are resolved."""
        allowed = _allowed(self._settings.model_dump(include={"allow_loopback", "allow_private"}))
        connector = aiohttp.TCPConnector(
            resolver=PublicOnlyResolver(**allowed),
            socket_factory=socket_guard(**allowed),
            limit=4,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def deliver(self, release: Release) -> Receipt:
        """Post *release*; its receipt holds the status.

        Raises:
            RecipientUnavailable: No connection, a time-out, or an answer about the link.
            RecipientRefused: An answer about this release.
            NotPermitted: It may not be handed over any more; nothing of it has left.
        """
        assert self._session is not None
        body = decode_release(release.value, with_record=True).model_dump_json().encode()
        headers = self._headers(release.idempotency_key(self._feed), body)
        content = _Content(body)
        try:
            async with self._session.post(
                self._settings.url, data=content.chunks(), headers=headers, allow_redirects=False
            ) as response:
                status = response.status
                retry_after = response.headers.get("Retry-After")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if content.withheld:
                raise NotPermitted from None
            raise RecipientUnavailable(type(error).__name__) from None
        _raise_for(status, retry_after)
        now = datetime.now(UTC)
        return Receipt(
            self._feed, release.alert_id, release.revision, release.kind, now, f"HTTP_{status}"
        )

    async def close(self) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        secrets = [self._settings.secret, self._settings.previous_secret]
        signatures = [
            sign(secret.get_secret_value(), key, timestamp, body) for secret in secrets if secret
        ]
        return {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "webhook-id": key,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
            "idempotency-key": key,
        }


class _Content:
    """A body that leaves once the connection stands, if it may still be handed over then.

    Attributes:
        withheld: It might not.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.withheld = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body."""
        try:
            await permitted()
        except NotPermitted:
            self.withheld = True
            raise
        yield self._body


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return one signature of Standard Webhooks 1.0, such as ``v1,K5oZ…``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _raise_for(status: int, retry_after: str | None) -> None:
    if 200 <= status < 300 or status == _TAKEN_BEFORE:
        return
    if status in _OF_THE_RELEASE:
        raise RecipientRefused(f"HTTP_{status}")
    raise RecipientUnavailable(f"HTTP_{status}", _seconds(retry_after))


def _seconds(retry_after: str | None) -> float | None:
    """Return the wait that a Retry-After header asks for, in seconds or as a date (RFC 9110)."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after[:9]), _LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    wait = moment.timestamp() - time.time()
    return min(max(wait, 0.0), _LONGEST_WAIT_SECONDS)
