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
from dataclasses import asdict, dataclass

from broker.errors import Rejected
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


class Sessions:
    """Makes and reads the cookies of one gateway, or of several that share their secret.

    Args:
        secret: 32 secret bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._cookie_key = hmac.digest(secret, b"lali form session 1", "sha256")
        self._token_key = hmac.digest(secret, b"lali form token 1", "sha256")
        self._ended: dict[str, int] = {}

    def begin(self, identity: str, now: int) -> Session:
        """Return a new session of a credential."""
        return Session(identity, now + LIFE_MS, secrets.token_urlsafe(18))

    def written(self, session: Session) -> str:
        """Return *session* as a cookie carries it."""
        said = json.dumps(asdict(session), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(
            hmac.digest(self._cookie_key, said, "sha256") + said
        ).decode()

    def read(self, cookie: str, now: int) -> Session | None:
        """Return the session of a cookie; None if it is not ours, or over."""
        try:
            session = self._verified(cookie)
        except Rejected:
            return None
        return None if session.ends <= now or session.number in self._ended else session

    def end(self, session: Session, now: int) -> None:
        """Let a copy of the cookie count no more, in this process."""
        self._ended = {number: ends for number, ends in self._ended.items() if ends > now}
        self._ended[session.number] = session.ends

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
        return hmac.digest(self._token_key, session.number.encode(), "sha256")

    def _verified(self, cookie: str) -> Session:
        try:
            raw = base64.b64decode(cookie[:_LONGEST].encode(), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise Rejected(Reason.FIELD_INVALID) from None
        digest, said = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if not hmac.compare_digest(digest, hmac.digest(self._cookie_key, said, "sha256")):
            raise Rejected(Reason.FIELD_INVALID)
        return Session(**json.loads(said))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
