"""Compress what several originators wrote, so that none learns of the others by its length.

Who publishes beside another's content and sees how long a reader's answer is could guess at that
content: a right guess is compressed away (BREACH, 2013). So nothing is compressed with what
somebody else wrote: deflate forgets all it has seen at each part's end (RFC 1951, a full flush),
and the whole is padded to few sizes, by a field of gzip's header that readers pass over
(RFC 1952 §2.3.1.1). It stays one ordinary gzip stream.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import groupby

#: gzip, deflate, an extra field, no time, no operating system.
_HEAD = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
_FIELD_HEAD_BYTES = 4
_MOST_PADDING = 60_000
_LEVEL = 6
#: Sizes differ in their leading bits only: at most an eighth more is sent.
_STEPS = 8
_LEAST = 512

Parts = Sequence[bytes]


def by_originator(items: Iterable[tuple[str | None, bytes]]) -> list[bytes]:
    """Return *items* joined where neighbours are of one originator; None is nobody's."""
    numbered = ((who or index, body) for index, (who, body) in enumerate(items))
    return [b"".join(body for _, body in run) for _, run in groupby(numbered, lambda at: at[0])]


def compress_parts(parts: Parts) -> bytes:
    """Return *parts* as one gzip stream in which no part's length depends on another."""
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = b"".join(stream.compress(part) + stream.flush(zlib.Z_FULL_FLUSH) for part in parts)
    packed += stream.flush()
    whole = b"".join(parts)
    tail = struct.pack("<II", zlib.crc32(whole), len(whole) & 0xFFFF_FFFF)
    size = len(_HEAD) + 2 + _FIELD_HEAD_BYTES + len(packed) + len(tail)
    padding = min(size_class(size) - size, _MOST_PADDING)
    field = b"LP" + struct.pack("<H", padding) + bytes(padding)
    return _HEAD + struct.pack("<H", len(field)) + field + packed + tail


def size_class(size: int) -> int:
    """Return the smallest of the few sizes that holds *size* bytes."""
    if size <= _LEAST:
        return _LEAST
    step = (1 << (size - 1).bit_length()) // (2 * _STEPS)
    return -(-size // step) * step
