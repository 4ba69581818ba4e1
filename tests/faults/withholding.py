"""A network that holds requests back: a TCP proxy on loopback, between one producer and Kafka.

It knows of Kafka's protocol what every request begins with (length, then the number of what is
asked: the protocol guide's "Request Header"). What it holds back arrives when it is told to let
go, over the connection on which it would have come, whoever sent it may be gone by then.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aiokafka.client

#: Numbers of requests (protocol guide, "Api Keys").
PRODUCE, ADD_PARTITIONS, END_TXN = 0, 24, 26


class Withholding:
    """Proxies, one for each address that is connected to, and what they hold back.

    Args:
        held: The number of the requests that are held back from now on.

    Attributes:
        waiting: How many requests are held back.
        answered: How many of those Kafka has answered since they were let go.
    """

    def __init__(self, held: int) -> None:
        self._held = held
        self._let_go = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[asyncio.Server] = []
        self.waiting = 0
        self.answered = 0

    @contextmanager
    def between(self) -> Iterator[None]:
        """Connect whoever connects meanwhile, from this process, through the proxy."""
        connect = aiokafka.client.create_conn

        async def through(host, port, **options):
            local = await self._listen(host, port)
            # Kafka's own address stays in the metadata; only the socket goes elsewhere.
            return await connect("127.0.0.1", local, **options)

        aiokafka.client.create_conn = through
        try:
            yield
        finally:
            aiokafka.client.create_conn = connect

    def let_go(self) -> None:
        """Send on what is held back, and hold nothing more."""
        self._let_go.set()

    async def close(self) -> None:
        """End every connection."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self, host: str, port: int) -> int:
        async def meet(reader, writer):
            upstream = await asyncio.open_connection(host, port)
            late: set[bytes] = set()
            self._tasks += [
                asyncio.create_task(self._ask(reader, upstream[1], late)),
                asyncio.create_task(self._answer(upstream[0], writer, late)),
            ]

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    async def _ask(self, reader, upstream, late: set[bytes]) -> None:
        while True:
            length = await reader.readexactly(4)
            request = await reader.readexactly(int.from_bytes(length, "big"))
            if int.from_bytes(request[:2], "big") == self._held and not self._let_go.is_set():
                self.waiting += 1
                late.add(request[4:8])  # by this number its answer is known
                await self._let_go.wait()
            upstream.write(length + request)
            await upstream.drain()

    async def _answer(self, upstream, writer, late: set[bytes]) -> None:
        while True:
            length = await upstream.readexactly(4)
            answer = await upstream.readexactly(int.from_bytes(length, "big"))
            self.answered += answer[:4] in late
            if not writer.is_closing():  # a producer that was given up hears nothing of it
                writer.write(length + answer)
