"""A link to a gateway with the faults of real ones: slow, cut in the middle, silent, down."""

import asyncio
import contextlib


class FaultyLink:
    """Forwards TCP to a gateway.

    Attributes:
        bytes_per_second: Of each direction of each connection; None is as fast as it goes.
        is_down: Connections are refused, and those that are open are cut.
        lose_answers: So many answers are lost: the request arrives, and the link is cut then.
        is_silent: Nothing comes back, and nothing is cut.
        connections: How many were made.
    """

    def __init__(self, url: str):
        self.target = url
        self.bytes_per_second = None
        self.is_down = False
        self.is_silent = False
        self.lose_answers = 0
        self.connections = 0
        self.sent = 0
        self.received = 0
        self._writers = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()

    def cut(self):
        """Cut every connection that is open."""
        for writer in list(self._writers):
            with contextlib.suppress(Exception):
                writer.transport.abort()

    def take_down(self):
        self.is_down = True
        self.cut()

    async def _connected(self, reader, writer):
        self.connections += 1
        if self.is_down:
            writer.transport.abort()
            return
        host, _, port = self.target.rpartition("//")[2].partition(":")
        try:
            from_gateway, to_gateway = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, to_gateway}
        try:
            await asyncio.gather(self._up(reader, to_gateway), self._back(from_gateway, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in (writer, to_gateway):
                each.transport.abort()
                self._writers.discard(each)

    async def _up(self, reader, writer):
        while data := await self._read(reader):
            self.sent += len(data)
            writer.write(data)
            await writer.drain()
        writer.transport.abort()

    async def _back(self, reader, writer):
        while data := await self._read(reader):
            if self.lose_answers:
                self.lose_answers -= 1
                writer.transport.abort()
                return
            if self.is_silent:
                continue
            self.received += len(data)
            writer.write(data)
            await writer.drain()
        writer.transport.abort()

    async def _read(self, reader):
        rate = self.bytes_per_second
        if rate is None:
            return await reader.read(1 << 16)
        data = await reader.read(max(1, rate // 20))
        await asyncio.sleep(len(data) / rate)
        return data
