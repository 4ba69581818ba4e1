"""Unpack compressed record batches into a bounded room: 33 kB of zstd can hold a gigabyte.

Kafka bounds what a producer sends, packed. What it becomes is bounded here, before the memory
is taken: every codec writes into a room of fixed size, and stops at its end. The forms are
those of Apache Kafka's record batch, magic 2 (attributes, bits 0 to 2).
"""

import gzip
import io
import struct
import zlib
from collections.abc import Callable

import cramjam

#: A batch may become so many bytes. Lali writes batches of half a MiB; a publisher's client
#: sends at most one MiB, packed.
UNPACKED_BYTES = 8 << 20
#: Most batches fit a room of so many times their size; only the others get the largest.
_USUAL_RATIO = 16
_USUAL_BYTES = 64 << 10

#: The stream form of Java's snappy library: magic, version and least version, then blocks,
#: each behind its length.
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_LENGTH = struct.Struct(">i")


class TooLarge(ValueError):
    """The batch becomes more than `UNPACKED_BYTES`."""


class Damaged(ValueError):
    """The batch is not what its codec writes."""


def unpack(codec: int, packed: bytes, limit: int = UNPACKED_BYTES) -> bytes:
    """Return what *packed* holds.

    Args:
        codec: 1 gzip, 2 snappy, 3 lz4, 4 zstd.
        packed: The records of a batch, as they lie in the topic.
        limit: Most bytes that it may become.

    Raises:
        TooLarge: It becomes more than *limit*.
        Damaged: It cannot be unpacked, or the codec is not known.
    """
    unpacker = _UNPACKERS.get(codec)
    if unpacker is None:
        raise Damaged("CODEC_UNKNOWN")
    return unpacker(packed, limit)


def _gzip(packed: bytes, limit: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            content = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Damaged("GZIP") from None
    if len(content) > limit:
        raise TooLarge
    return content


def _snappy(packed: bytes, limit: int) -> bytes:
    if not packed.startswith(_XERIAL_MAGIC):
        return _snappy_block(packed, limit)
    content, at = bytearray(), _XERIAL_HEADER_BYTES
    while at < len(packed):
        if at + _LENGTH.size > len(packed):
            raise Damaged("SNAPPY")
        (length,) = _LENGTH.unpack_from(packed, at)
        at += _LENGTH.size
        if not 0 < length <= len(packed) - at:
            raise Damaged("SNAPPY")
        content += _snappy_block(packed[at : at + length], limit - len(content))
        at += length
    return bytes(content)


def _snappy_block(packed: bytes, limit: int) -> bytes:
    # A block begins with the length of what it holds, and the codec writes no more than that.
    try:
        length = cramjam.snappy.decompress_raw_len(packed)
        if length > limit:
            raise TooLarge
        room = bytearray(length)
        written = cramjam.snappy.decompress_raw_into(packed, room) if length else 0
    except cramjam.DecompressionError:
        raise Damaged("SNAPPY") from None
    return bytes(room[:written])


def _lz4(packed: bytes, limit: int) -> bytes:
    return _into_a_room(cramjam.lz4.decompress_into, packed, limit, "LZ4")


def _zstd(packed: bytes, limit: int) -> bytes:
    return _into_a_room(cramjam.zstd.decompress_into, packed, limit, "ZSTD")


def _into_a_room(
    write: Callable[[bytes, bytearray], int], packed: bytes, limit: int, name: str
) -> bytes:
    usual = min(limit, _USUAL_BYTES + _USUAL_RATIO * len(packed))
    for size in dict.fromkeys((usual, limit)):
        # One byte more than it may need: a full room and a broken batch look alike.
        room = bytearray(size + 1)
        try:
            written = write(packed, room)
        except cramjam.DecompressionError as error:
            if not _is_full(error):
                raise Damaged(name) from None
            continue
        if written <= size:
            return bytes(memoryview(room)[:written])
    raise TooLarge


def _is_full(error: Exception) -> bool:
    return "write whole buffer" in str(error)


_UNPACKERS: dict[int, Callable[[bytes, int], bytes]] = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
