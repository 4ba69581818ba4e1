"""Avro's variable-length integers: zig-zag, seven bits a byte, least significant first.

Source: Apache Avro 1.12 specification, "Binary encoding". For the hot paths, which write
and skip single fields; whole records go through fastavro.
"""


def encode(value: int) -> bytes:
    """Return *value* as a varint."""
    raw = (value << 1) ^ (value >> 63)
    if raw < 0x80:
        return _SHORT[raw]
    out = bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


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


_SHORT = [bytes((raw,)) for raw in range(0x80)]
