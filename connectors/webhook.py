"""Deliver each release as one signed HTTPS POST.

The body is the release as JSON, signed as Standard Webhooks 1.0 says: `webhook-id`,
`webhook-timestamp`, `webhook-signature` (``v1,`` base64 of HMAC-SHA256 over
``id.timestamp.body``). `Idempotency-Key` and `webhook-id` are the same in every repetition.

Delivery guarantee: at least once; the recipient sees a repetition by its key. Any 2xx is the
receipt, and so is 409: taken before. Redirects are never followed.
"""

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from pydantic import Field, model_validator

from broker.connector import ConnectorSettings, Secret
from broker.errors import RecipientRefused, RecipientUnavailable
from broker.model.release import Receipt, Release
from broker.wire.alert_codec import decode_release
from connectors.address import PublicOnlyResolver, is_loopback

_LATER = frozenset({408, 425, 429})
_TAKEN_BEFORE = 409
_LONGEST_WAIT_SECONDS = 3600.0


class WebhookSettings(ConnectorSettings):
    """Where to post, and the secret that signs."""

    url: str = Field(description="https address. http only to loopback, where that is allowed.")
    secret: Secret = Field(description="whsec_ and base64, as Standard Webhooks writes it.")
    previous_secret: Secret | None = Field(
        None, description="Signs too, while the recipient changes over."
    )
    timeout_seconds: float = Field(20.0, gt=0, le=300, description="Longest wait, seconds.")
    allow_loopback: bool = Field(False, description="For tests and demos on one machine.")
    allow_private: bool = Field(False, description="Recipients in a private network.")

    @model_validator(mode="after")
    def _address_is_safe(self) -> Self:
        parts = urlsplit(self.url)
        if parts.username or parts.password:
            raise ValueError("CREDENTIALS_IN_URL")
        loopback = self.allow_loopback and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise ValueError("HTTPS_ONLY")
        return self


class Webhook:
    """Posts the releases of one feed."""

    def __init__(self, settings: WebhookSettings, feed: str) -> None:
        self._settings = settings
        self._feed = feed
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the connection pool; addresses are checked as they are resolved."""
        resolver = PublicOnlyResolver(
            allow_loopback=self._settings.allow_loopback, allow_private=self._settings.allow_private
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, limit=4),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def deliver(self, release: Release) -> Receipt:
        """Post *release*; its receipt holds the status.

        Raises:
            RecipientUnavailable: No connection, a time-out, 408, 425, 429 or 5xx.
            RecipientRefused: Any other status.
        """
        assert self._session is not None
        body = decode_release(release.value).model_dump_json().encode()
        headers = self._headers(release.idempotency_key(self._feed), body)
        try:
            async with self._session.post(
                self._settings.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
                retry_after = response.headers.get("Retry-After")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
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
            "webhook-id": key,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
            "idempotency-key": key,
        }


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return one signature of Standard Webhooks 1.0, such as ``v1,K5oZ…``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _raise_for(status: int, retry_after: str | None) -> None:
    if 200 <= status < 300 or status == _TAKEN_BEFORE:
        return
    if status in _LATER or status >= 500:
        raise RecipientUnavailable(f"HTTP_{status}", _seconds(retry_after))
    raise RecipientRefused(f"HTTP_{status}")


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not retry_after.isdigit():
        return None
    return min(float(retry_after), _LONGEST_WAIT_SECONDS)
