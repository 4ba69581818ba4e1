"""Cursors: where a reader stands in one feed, signed, so that none can be moved or made.

A cursor holds the next offset of each partition, so it means the same on every gateway and
after every restart, and which making of the feed's topic these are offsets of. It is opaque
to readers, and bound to its feed: in another feed, or changed in one bit, it is refused as a
random one is.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence

from broker.gateway.gateway_secret import derived
from broker.wire import varint

#: Next offset of each partition; 0 for a partition that is not there.
Position = Mapping[int, int]

_MAC_BYTES = 16
_LONGEST = 4096


class CursorInvalid(Exception):
    """It is no cursor of this feed."""


class Cursors:
    """Signs and opens cursors.

    Args:
        secrets: Return the secrets that count, the present one first; gateways that share them
            take each other's cursors.
        use: What the cursors are for: those of one use are none in another.
        era_of: Returns the era of a feed, as `broker.gateway.eras` has it; 0 if none is known.
    """

    def __init__(
        self,
        secrets: Callable[[], Sequence[bytes]],
        use: str = "feed",
        era_of: Callable[[str], int] = lambda _feed: 0,
    ) -> None:
        self._era_of = era_of
        self._secrets = secrets
        self._use = use.encode()

    def sealed(self, feed: str, position: Position, extra: int = 0) -> str:
        """Return the cursor for *position* in *feed*; *extra* is a number of the caller's own."""
        flat = (number for pair in sorted(position.items()) for number in pair)
        numbers = [extra, self._era_of(feed), *flat]
        payload = b"".join(varint.encode(number) for number in numbers)
        key = derived(self._secrets()[0], b"cursor 3\n" + self._use)
        return _text(_mac(key, feed, payload) + payload)

    def opened(self, feed: str, cursor: str) -> tuple[dict[int, int], int]:
        """Return the position, and the caller's own number, in *cursor*.

        The position is the beginning where the feed's topic was made anew since.

        Raises:
            CursorInvalid: It was not made for this feed and this use by a gateway of ours.
        """
        if len(cursor) > _LONGEST or not cursor.isascii():
            raise CursorInvalid
        try:
            signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise CursorInvalid from None
        mac, payload = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        if _text(signed) != cursor:  # base64 has several spellings of the same bytes
            raise CursorInvalid
        if not any(hmac.compare_digest(mac, _mac(key, feed, payload)) for key in self._keys()):
            raise CursorInvalid
        extra, era, *flat = _numbers(payload)
        now = self._era_of(feed)
        if era and now and era != now:
            return {}, 0
        return dict(zip(flat[::2], flat[1::2], strict=True)), extra

    def _keys(self) -> Iterator[bytes]:
        """Yield every key whose cursors count: readers keep theirs over an upgrade, too."""
        for secret in self._secrets():
            yield derived(secret, b"cursor 3\n" + self._use)
            yield hmac.digest(secret, b"lali cursor 2\n" + self._use, "sha256")


def _mac(key: bytes, feed: str, payload: bytes) -> bytes:
    signed = feed.encode() + b"\n" + payload
    return hmac.digest(key, signed, "sha256")[:_MAC_BYTES]


def _text(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _numbers(payload: bytes) -> list[int]:
    numbers, place = [], 0
    while place < len(payload):
        number, place = varint.decode(payload, place)
        numbers.append(number)
    return numbers
