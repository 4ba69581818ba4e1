"""What a process and the key service say to one another, over a Unix socket.

    request   length (4 bytes, big-endian) | operation (1) | fields
    answer    length (4 bytes, big-endian) | outcome (1)   | fields
    field     length (4 bytes, big-endian) | bytes

One answer for each request, in order. Whatever is longer, or is not exactly this, ends the
connection.
"""

import socket
import struct
from collections.abc import Sequence
from enum import IntEnum

#: Far above a statement to sign or an original to open, which bounds what a frame may claim.
MAX_BYTES = 1 << 20
_LENGTH_BYTES = 4
_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Operation(IntEnum):
    """What is asked, with its fields."""

    HOLDS = 1  # key id
    SIGN = 2  # key id, message
    UNWRAP = 3  # key id, wrapped, info
    GENERATE = 4  # algorithm, owner
    DESTROY = 5  # key id


class Outcome(IntEnum):
    """How it went."""

    DONE = 0
    NO_KEY = 1
    BROKEN = 2
    REFUSED = 3
    FAILED = 4


class FrameInvalid(Exception):
    """The other side does not speak this protocol, or has gone."""


def write_frame(connection: socket.socket, code: int, fields: Sequence[bytes]) -> None:
    """Send one frame.

    Raises:
        OSError: The other side has gone.
    """
    body = bytes([code]) + b"".join(_length(field) + field for field in fields)
    connection.sendall(_length(body) + body)


def read_frame(connection: socket.socket) -> tuple[int, list[bytes]]:
    """Return code and fields of the next frame.

    Raises:
        FrameInvalid: There is none.
        OSError: The connection broke.
    """
    length = int.from_bytes(_exactly(connection, _LENGTH_BYTES), "big")
    if not 1 <= length <= MAX_BYTES:
        raise FrameInvalid
    body = _exactly(connection, length)
    return body[0], _fields(body)


def peer_of(connection: socket.socket) -> tuple[int, int, int]:
    """Return process, user and group at the other end of a Unix socket, as the kernel has them."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, gid = _PEER.unpack(found)
    return pid, uid, gid


def _fields(body: bytes) -> list[bytes]:
    fields, position = [], 1
    while position < len(body):
        start = position + _LENGTH_BYTES
        end = start + int.from_bytes(body[position:start], "big")
        if end > len(body):
            raise FrameInvalid
        fields.append(body[start:end])
        position = end
    return fields


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        more = connection.recv(count - len(found))
        if not more:
            raise FrameInvalid
        found += more
    return bytes(found)


def _length(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH_BYTES, "big")
