"""The gateway's socket: what is written leaves at once."""

import asyncio
import socket

from broker.gateway.server import _listener


async def test_small_answers_are_not_held_back():
    # Without TCP_NODELAY, header and body of an answer wait some 40 ms for each other; asyncio
    # sets it on sockets that say that they are TCP, and on no others.
    seen = asyncio.get_running_loop().create_future()

    class Accepted(asyncio.Protocol):
        def connection_made(self, transport):
            accepted = transport.get_extra_info("socket")
            seen.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    listener = _listener("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(Accepted, sock=listener)
    async with server:
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await asyncio.wait_for(seen, 30)
        writer.close()
