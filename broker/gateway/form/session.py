"""Sessions of the form: a signed cookie that names a credential, and is worth no more than it.

The cookie holds no secret: the id of the key that signed in, an end, and a random number. The
key itself is asked at every request whether it still counts (`broker.gateway.form.entrance`).
"""

import base64
import binascii
import hmac
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

from broker.errors import Rejected
from broker.gateway.gateway_secret import derived
from broker.model.reason import Reason

#: A working day: then the key must be typed again.
LIFE_MS = 8 * 3600 * 1000

_LONGEST = 512
_DIGEST_BYTES = 32
_TOKEN = re.compile(rf"[0-9a-f]{{{4 * _DIGEST_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in, until when.

    Attributes:
        identity: Of the credential, as `Caller.identity`; empty before sign-in.
        ends: Epoch milliseconds.
        number: Random; what is sent from a page of this session must prove to know it.
    """

    identity: str
    ends: int
    number: str

    @property
    def key_id(self) -> str | None:
        """The id of the API key that signed in; None for a certificate."""
        kind, _, name = self.identity.partition(":")
        return name if kind == "key" else None


class Ended(Protocol):
    """Which sessions were signed out, as `broker.gateway.ended_sessions` keeps it."""

    def folder(self) -> bytes:
        """Return what tells the sessions of these gateways from those of others."""

    def has(self, number: str) -> bool:
        """Whether the session *number* was ended."""

    async def add(self, number: str, ends: int, now: int) -> None:
        """End the session *number*, which would end at *ends*, epoch milliseconds."""


class Sessions:
    """Makes and reads the cookies of the gateways that share a folder.

    Args:
        secret: Returns the secret of now. What an older one signed is over: whoever had that
            one could sign in as anybody.
        ended: What was signed out.
    """

    def __init__(self, secret: Callable[[], bytes], ended: Ended) -> None:
        self._secret = secret
        self._ended = ended

    def begin(self, identity: str, now: int) -> Session:
        """Return a new session of a credential."""
        return Session(identity, now + LIFE_MS, secrets.token_urlsafe(18))

    def written(self, session: Session) -> str:
        """Return *session* as a cookie carries it."""
        said = json.dumps(asdict(session), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(
            hmac.digest(self._cookie_key(), said, "sha256") + said
        ).decode()

    def read(self, cookie: str, now: int) -> Session | None:
        """Return the session of a cookie; None if it is not ours, or over.

        Raises:
            StorageUnavailable: Nobody can say now whether it is over.
        """
        try:
            session = self._verified(cookie)
        except Rejected:
            return None
        return None if session.ends <= now or self._ended.has(session.number) else session

    async def end(self, session: Session, now: int) -> None:
        """Let a copy of the cookie count no more, in any gateway, from now on.

        Raises:
            StorageUnavailable: It counts still.
        """
        await self._ended.add(session.number, session.ends, now)

    def token(self, session: Session) -> str:
        """Return what a page of *session* sends along to show that it is one (CSRF).

        It looks different on every page, so that the length of a compressed page tells nothing.
        """
        pad = secrets.token_bytes(_DIGEST_BYTES)
        return (pad + _xor(pad, self._proof(session))).hex()

    def is_genuine(self, token: str, session: Session) -> bool:
        """Whether a page of *session* sent *token*."""
        if not _TOKEN.fullmatch(token):
            return False
        raw = bytes.fromhex(token)
        shown = _xor(raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:])
        return hmac.compare_digest(shown, self._proof(session))

    def _proof(self, session: Session) -> bytes:
        return hmac.digest(self._key(b"form token 2"), session.number.encode(), "sha256")

    def _cookie_key(self) -> bytes:
        return self._key(b"form session 2\n" + self._ended.folder())

    def _key(self, use: bytes) -> bytes:
        return derived(self._secret(), use)

    def _verified(self, cookie: str) -> Session:
        try:
            raw = base64.b64decode(cookie[:_LONGEST].encode(), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise Rejected(Reason.FIELD_INVALID) from None
        digest, said = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if not said:  # nobody signed in: no file is asked
            raise Rejected(Reason.FIELD_INVALID)
        if not hmac.compare_digest(digest, hmac.digest(self._cookie_key(), said, "sha256")):
            raise Rejected(Reason.FIELD_INVALID)
        return Session(**json.loads(said))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
