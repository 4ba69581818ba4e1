"""A recall is the hub's own word: the hub signs which feed, alert, revision and moment it is for.

    "lali recall statement 1" LF | feed | LF | alert id (16) | revision (4) | moment (8)

Numbers are big-endian, two's complement; the moment is the recall's own, epoch milliseconds.
The feed is bound in, so that a recall of one feed is none in another (docs/decisions/0015).
"""

from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.protect.algorithms import Algorithm
from broker.protect.register import HUB, Holder, Register, RegisterOf
from broker.protect.signature import Signature, Signer, verify

_log = structlog.get_logger()

_DOMAIN = b"lali recall statement 1\n"
_SIGNING = Algorithm.ECDSA_P256_SHA256


class RecallStatement(NamedTuple):
    """What one recall says.

    Attributes:
        feed: The feed that it is for.
        alert_id: 16 bytes.
        revision: The last revision that it takes back.
        released_at: Its moment, epoch milliseconds.
    """

    feed: str
    alert_id: bytes
    revision: int
    released_at: int

    @property
    def signed(self) -> bytes:
        """The bytes that are signed."""
        numbers = (_number(self.revision, 4), _number(self.released_at, 8))
        return b"".join((_DOMAIN, self.feed.encode(), b"\n", self.alert_id, *numbers))

    @property
    def moment(self) -> datetime:
        """When it was made: the key must count then."""
        return datetime.fromtimestamp(self.released_at / 1000, UTC)


class RecallSigner:
    """Signs recalls with the hub's key.

    Args:
        register: The key register of today.
        signer: Holds the hub's private key.
    """

    def __init__(self, register: RegisterOf, signer: Signer) -> None:
        self._register = register
        self._signer = signer

    def sign(self, said: RecallStatement) -> Signature | None:
        """Return the hub's signature, or None where it has no key to sign with.

        Whoever holds the alert must learn of the recall, signed or not.

        Raises:
            KeeperUnavailable: The key service is away.
        """
        try:
            key = self._register().current(Holder.HUB, HUB, _SIGNING, said.moment)
            value = self._signer.sign(key.id, said.signed)
        except (Rejected, KeyError):
            _log.warning("recall.unsigned", feed=said.feed, code=Reason.KEY_UNKNOWN.value)
            return None
        return Signature(_SIGNING, key.id, value)


def doubt_of(
    register: Register, signature: Signature | None, said: RecallStatement
) -> Reason | None:
    """Return why the hub may not have said this, or None: it did.

    A recall in doubt is obeyed all the same, and asked about.
    """
    try:
        verify(register, HUB, signature, said.signed, said.moment, Holder.HUB)
    except Rejected as rejected:
        return rejected.reason
    return None


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big", signed=True)  # a forged moment may lie before 1970
