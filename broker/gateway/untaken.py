"""What a client has not taken of its answers: one that takes nothing for long is let go.

Counted by the kernel: bytes that the other side has acknowledged (tcp_info, Linux 4.1 and newer).
What is buffered above the socket says little: TLS passes it on in one piece.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

#: Of tcpi_bytes_acked in struct tcp_info (include/uapi/linux/tcp.h).
_ACKED_AT, _INFO_BYTES = 120, 192


class Untaken:
    """Watches one connection while something of an answer is on its way.

    Args:
        transport: Of the connection.
        seconds: How long a client may take nothing.
        cut: Ends the connection.
    """

    def __init__(
        self, transport: asyncio.Transport, seconds: float, cut: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._seconds = seconds
        self._cut = cut
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Look again later, if something is on its way and nobody looks yet."""
        if self._later is None and self._waiting():
            acknowledged = self._acknowledged()
            self._later = self._loop.call_later(self._seconds, self._look, acknowledged)

    def forget(self) -> None:
        """Look no more: the connection has ended."""
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _look(self, before: int) -> None:
        self._later = None
        if self._waiting() and self._acknowledged() == before:
            self._cut()
        else:
            self.watch()

    def _waiting(self) -> bool:
        if self._transport.get_write_buffer_size():
            return True
        connection = self._transport.get_extra_info("socket")
        if connection is None or connection.fileno() < 0:
            return False
        queued = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        return bool(struct.unpack("i", queued)[0])

    def _acknowledged(self) -> int:
        connection = self._transport.get_extra_info("socket")
        if connection is None or connection.fileno() < 0:
            return 0
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        if len(info) < _ACKED_AT + 8:
            return -self._transport.get_write_buffer_size()
        return int(struct.unpack_from("Q", info, _ACKED_AT)[0])
