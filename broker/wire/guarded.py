"""Every connection that aiokafka makes is one of these: it goes where it may, and reads a bound.

aiokafka connects to whatever address Kafka's metadata names, and takes as much memory as an
answer announces. So an address is judged again at each connection, like the first one, and an
answer that is longer than any that was asked for ends its connection.
"""

import functools
import ipaddress
import struct
import time
from typing import Any

import aiokafka.conn
import structlog
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, KafkaError

from broker.clock import steady_seconds

log = structlog.get_logger()

#: Longest answer of a broker, bytes. A fetch asks for 50 MiB at most, and no other answer of a
#: cluster comes near; aiokafka's own bound is the four bytes of its length.
MOST_ANSWER_BYTES = 64 << 20
PLAINTEXT = "PLAINTEXT"
#: The same refusal is said once in so many seconds: a client tries again ten times a second.
_SAID_SECONDS = 60.0


class PlaintextAnywhere(str):
    """The protocol PLAINTEXT, to other machines too: the network itself is trusted."""

    __slots__ = ()


class TooLate(KafkaError):  # type: ignore[misc]
    """A request that may not leave any more: nothing of it was sent."""


class GuardedConnection(AIOKafkaConnection):  # type: ignore[misc]
    """A connection to one broker."""

    async def connect(self) -> Any:
        """Connect, where this protocol may go there.

        Raises:
            KafkaConnectionError: Plaintext to another machine: nothing was sent.
        """
        if not may_connect(self._security_protocol, self._host):
            _say_refused(int(time.monotonic() / _SAID_SECONDS), "PLAINTEXT_REFUSED")
            raise KafkaConnectionError("PLAINTEXT_REFUSED")
        return await super().connect()

    def send(self, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002
        """Send *request*, where it is not too late for it (`broker.wire.timely`).

        Raises:
            TooLate: It is; this process may have been paused.
        """
        if steady_seconds() > getattr(request, "by", float("inf")):
            raise TooLate
        return super().send(request, expect_response)

    @staticmethod
    async def _read(self_ref: Any) -> None:
        """Read answers until the connection ends; the same as aiokafka's, within a bound."""
        connection = self_ref()
        if connection is None:
            return
        reader = connection._reader  # noqa: SLF001
        del connection
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            if not 0 <= size <= MOST_ANSWER_BYTES:
                _say_refused(int(time.monotonic() / _SAID_SECONDS), "ANSWER_TOO_LONG")
                raise KafkaConnectionReset("ANSWER_TOO_LONG")
            answer = await reader.readexactly(size)
            connection = self_ref()
            if connection is None:
                return
            connection._handle_frame(answer)  # noqa: SLF001
            del connection


class KafkaConnectionReset(ConnectionError):
    """We ended the connection: what the other side announced is no answer of a broker."""


def may_connect(protocol: str, host: str) -> bool:
    """Whether *protocol* may be spoken to *host*: plaintext stays on this machine, unless trusted.

    Args:
        protocol: PLAINTEXT, SSL or SASL_SSL.
        host: Name or address, without a port.
    """
    if protocol != PLAINTEXT or isinstance(protocol, PlaintextAnywhere):
        return True
    return is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether *host* is written as an address of this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@functools.lru_cache(maxsize=8)
def _say_refused(_minute: int, code: str) -> None:
    log.error("kafka.connection_refused", code=code)


def guard_connections() -> None:
    """Let aiokafka make no other connections than guarded ones, in this process."""
    aiokafka.conn.AIOKafkaConnection = GuardedConnection
