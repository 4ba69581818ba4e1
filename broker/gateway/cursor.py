"""Cursors: where a reader stands in one feed, signed, so that none can be moved or made.

A cursor holds the next offset of each partition, so it means the same on every gateway and
after every restart. It is opaque to readers, and bound to its feed: in another feed, or
changed in one bit, it is refused as a random one is.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping

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
        secret: At least 32 secret bytes; gateways with the same secret take each other's.
        use: What the cursors are for: those of one use are none in another.
    """

    def __init__(self, secret: bytes, use: str = "feed") -> None:
        self._key = hmac.digest(secret, b"lali cursor 1\n" + use.encode(), "sha256")

    def sealed(self, feed: str, position: Position, extra: int = 0) -> str:
        """Return the cursor for *position* in *feed*; *extra* is a number of the caller's own."""
        numbers = [extra, len(position), *(n for pair in sorted(position.items()) for n in pair)]
        payload = b"".join(varint.encode(number) for number in numbers)
        return _text(self._mac(feed, payload) + payload)

    def opened(self, feed: str, cursor: str) -> tuple[dict[int, int], int]:
        """Return the position, and the caller's own number, in *cursor*.

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
        if not hmac.compare_digest(mac, self._mac(feed, payload)):
            raise CursorInvalid
        return _read(payload)

    def _mac(self, feed: str, payload: bytes) -> bytes:
        signed = feed.encode() + b"\n" + payload
        return hmac.digest(self._key, signed, "sha256")[:_MAC_BYTES]


def _text(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def _read(payload: bytes) -> tuple[dict[int, int], int]:
    numbers, place = [], 0
    while place < len(payload):
        number, place = varint.decode(payload, place)
        numbers.append(number)
    extra, _count, *flat = numbers
    return dict(zip(flat[::2], flat[1::2], strict=True)), extra
