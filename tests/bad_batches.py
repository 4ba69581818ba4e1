"""Record batches that no honest client sends, and that a broker takes all the same."""

import struct

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_BASE_OFFSET = struct.Struct(">q")
_CRC = struct.Struct(">I")
_NAME = b"name-of-a-header"


class Made:
    """A batch that is already built: what aiokafka's producer asks of its own builder."""

    def __init__(self, builder, spoil=bytes):
        self._builder = builder
        self._spoil = spoil

    def _build(self):
        return with_checksum(self._spoil(bytes(self._builder._build())))

    def __getattr__(self, name):
        return getattr(self._builder, name)


def builder(codec, *records, headers=()):
    """Return a builder of *records*, each key and value."""
    made = BatchBuilder(1 << 31, codec, is_transactional=0)
    for key, value in records:
        assert made.append(timestamp=1, key=key, value=value, headers=list(headers))
    made.close()
    return made


def batch(codec, *records, at=0):
    """Return the bytes of a batch whose first offset is *at*."""
    return placed(builder(codec, *records)._build(), at)


def placed(content, at):
    """Return *content*, a batch, with *at* for its first offset."""
    return _BASE_OFFSET.pack(at) + bytes(content)[8:]


def unnamed():
    """Return a batch of one record whose header's name is no UTF-8."""
    made = builder(0, (b"k", b"v"), headers=[(_NAME.decode(), b"")])
    return Made(made, lambda content: content.replace(_NAME, b"\xff" * len(_NAME)))


def with_checksum(content):
    """Return *content*, a batch, with the checksum that it ought to have."""
    return content[:17] + _CRC.pack(calc_crc32c(content[21:])) + content[21:]
