"""Avro's variable-length integers: zig-zag, seven bits a byte, least significant first.

Source: Apache Avro 1.12 specification, "Binary encoding". For the hot paths, which write
and skip single fields; whole records go through fastavro.
"""


def encode(value: int) -> bytes:
    """Return *value* as a varint."""
    raw = (value << 1) ^ (value >> 63)
    if raw < 0x4000:
        return _LAST[raw]
    out = b""
    while raw >= 0x4000:
        out += _MORE[raw & 0x3FFF]
        raw >>= 14
    return out + _LAST[raw]


def decode(data: bytes, position: int) -> tuple[int, int]:
    """Return the varint at *position* and the position after it.

    Raises:
        IndexError: The data ends within it.
    """
    byte = data[position]
    position += 1
    raw = byte & 0x7F
    shift = 7
    while byte > 0x7F:
        byte = data[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        shift += 7
    return (raw >> 1) ^ -(raw & 1), position


def sized(content: bytes) -> bytes:
    """Return *content* as an Avro ``bytes`` or ``string`` value: its length, then itself."""
    return encode(len(content)) + content


#: Two bytes at once, looked up: as the end of a varint, and with more to follow.
_LAST = [bytes((raw,)) for raw in range(0x80)]
_LAST += [bytes((raw & 0x7F | 0x80, raw >> 7)) for raw in range(0x80, 0x4000)]
_MORE = [bytes((raw & 0x7F | 0x80, raw >> 7 | 0x80)) for raw in range(0x4000)]
