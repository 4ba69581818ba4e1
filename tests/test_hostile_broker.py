"""11.3, 11.4: whatever a broker answers, plaintext stays here and memory stays bounded."""

import asyncio
import resource
import struct
from contextlib import asynccontextmanager

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from broker.errors import KafkaUnavailable
from broker.wire.connection import Connection
from broker.wire.guarded import (
    MOST_ANSWER_BYTES,
    GuardedConnection,
    PlaintextAnywhere,
    _say_refused,
    may_connect,
)
from broker.wire.wide_client import wide_client

API_VERSIONS, METADATA = 18, 3


class HostileBroker:
    """Answers the first questions of a client as it likes, and counts what it is asked."""

    def __init__(self, advertised: str = "192.0.2.1", announce: int | None = None) -> None:
        self.asked: list[int] = []
        self._advertised = advertised
        self._announce = announce
        self.port = 0

    @asynccontextmanager
    async def listening(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader, writer):
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                asked = await reader.readexactly(size)
                key, _, correlation = struct.unpack(">hhi", asked[:8])
                self.asked.append(key)
                if self._announce is not None and key == METADATA:
                    await self._pour(writer, correlation)
                    return
                writer.write(_framed(correlation, self._answer(key)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, key):
        if key == API_VERSIONS:
            known = [(API_VERSIONS, 0, 0), (METADATA, 0, 1), (0, 0, 3), (1, 0, 4)]
            return struct.pack(">hi", 0, len(known)) + b"".join(
                struct.pack(">hhh", *each) for each in known
            )
        host = self._advertised.encode()
        broker = struct.pack(">ih", 7, len(host)) + host + struct.pack(">ih", 9092, -1)
        return struct.pack(">i", 1) + broker + struct.pack(">ii", 7, 0)

    async def _pour(self, writer, correlation):
        writer.write(struct.pack(">ii", self._announce, correlation))
        try:
            for _ in range(4096):  # 4 GiB, if anybody takes it
                writer.write(bytes(1 << 20))
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


def _framed(correlation, body):
    return struct.pack(">ii", 4 + len(body), correlation) + body


async def test_plaintext_goes_nowhere_else_because_a_broker_says_so():
    async with HostileBroker().listening() as hostile:
        options = Connection(f"127.0.0.1:{hostile.port}", request_timeout_ms=3000).options()
        client = AIOKafkaClient(**options)
        _say_refused.cache_clear()
        with capture_logs() as lines:
            await client.bootstrap()
            assert [broker.host for broker in client.cluster.brokers()] == ["192.0.2.1"]
            assert not await client.ready(7)
            assert not await client.ready(7)
        await client.close()
    assert [line["code"] for line in lines] == ["PLAINTEXT_REFUSED"]


async def test_an_administrator_is_not_sent_elsewhere_either():
    async with HostileBroker().listening() as hostile:
        connection = Connection(f"127.0.0.1:{hostile.port}")
        with pytest.raises(KafkaUnavailable):
            await asyncio.to_thread(_open_wide, connection)


def _open_wide(connection):
    with wide_client(connection):
        pass


@pytest.mark.parametrize("announced", [2**31 - 1, MOST_ANSWER_BYTES + 1, -1, -(2**31)])
async def test_an_answer_of_any_announced_length_takes_bounded_memory(announced):
    async with HostileBroker(announce=announced).listening() as hostile:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        options = Connection(f"127.0.0.1:{hostile.port}", request_timeout_ms=5000).options()
        client = AIOKafkaClient(**options)
        with pytest.raises(KafkaConnectionError):
            await client.bootstrap()
        await client.close()
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert METADATA in hostile.asked
    assert grown_kib << 10 < MOST_ANSWER_BYTES


async def test_every_connection_of_the_client_is_guarded():
    async with HostileBroker("127.0.0.1").listening() as hostile:
        from aiokafka.conn import create_conn

        made = await create_conn("127.0.0.1", hostile.port)
        assert isinstance(made, GuardedConnection)
        made.close()


@pytest.mark.parametrize(
    ("protocol", "host", "may"),
    [
        ("PLAINTEXT", "127.0.0.1", True),
        ("PLAINTEXT", "::1", True),
        ("PLAINTEXT", "localhost", True),
        ("PLAINTEXT", "192.168.1.4", False),
        ("PLAINTEXT", "kafka.example", False),
        ("PLAINTEXT", "１２７.0.0.1", False),
        ("PLAINTEXT", "localhost.example", False),
        ("PLAINTEXT", "", False),
        (PlaintextAnywhere("PLAINTEXT"), "kafka.example", True),
        ("SASL_SSL", "kafka.example", True),
        ("SSL", "kafka.example", True),
    ],
)
def test_where_each_protocol_may_go(protocol, host, may):
    assert may_connect(protocol, host) is may


def test_plaintext_that_was_allowed_may_go_on_to_where_the_cluster_is():
    options = Connection("10.0.0.1:9092", allow_plaintext=True).options()
    assert may_connect(options["security_protocol"], "10.0.0.2")
    assert options["security_protocol"] == "PLAINTEXT"
