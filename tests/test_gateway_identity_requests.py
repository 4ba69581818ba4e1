"""11.17, 11.19, 11.21: what belongs to a request, which host it names, and who never reads."""

import asyncio
import json

import pytest
from credentials import HOST, Scene, served
from fastapi import FastAPI, Request
from starlette.responses import Response

from broker.gateway.identity import protocol

LARGE = 16 << 20


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


class Publishing:
    """An application that takes its time, and remembers what it took."""

    def __init__(self):
        self.taken: list[bytes] = []
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.app = FastAPI()
        self.app.post("/publish")(self._publish)
        self.app.get("/large")(self._large)

    async def _publish(self, request: Request):
        self.taken.append(await request.body())
        self.began.set()
        await self.may_end.wait()
        return {"taken": len(self.taken)}

    async def _large(self):
        return Response(bytes(LARGE))


async def talk(scene, port, *sent, before_last=None):
    reader, writer = await asyncio.open_connection(HOST, port, ssl=scene.client_context())
    try:
        for number, part in enumerate(sent):
            if before_last is not None and number == len(sent) - 1:
                await before_last()
            writer.write(part)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


POST = b"POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nalert"
CHUNKED = (
    b"POST /publish HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nalert\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("request_", [POST, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("more", [b"}", b"\0", b"\xff" * 100, b"GET / BAD\r\n", b"X" * 70_000])
@pytest.mark.parametrize("at_once", [True, False])
async def test_11_17_what_follows_a_request_does_not_change_its_answer(
    scene, request_, more, at_once
):
    published = Publishing()
    async with served(published.app, scene.settings()) as port:
        sent = (request_ + more,) if at_once else (request_, more)
        asking = asyncio.create_task(
            talk(scene, port, *sent, before_last=None if at_once else published.began.wait)
        )
        await published.began.wait()
        await asyncio.sleep(0)
        published.may_end.set()
        answer = await asking
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1
    assert published.taken == [b"alert"]


async def test_11_17_a_body_that_breaks_off_is_no_request(scene):
    published = Publishing()
    broken = CHUNKED.replace(b"0\r\n\r\n", b"zz\r\n")
    async with served(published.app, scene.settings()) as port:
        answer = await talk(scene, port, broken)
    assert answer.startswith(b"HTTP/1.1 400")
    assert published.taken == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /openapi.json HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", b"400"),
        (b"GET /openapi.json HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /openapi.json HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", b"400"),
        (b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"200"),
    ],
)
async def test_11_19_a_request_names_one_host(scene, head, status):
    async with served(Publishing().app, scene.settings()) as port:
        answer = await talk(scene, port, head)
    assert answer.split(b" ")[1] == status


@pytest.mark.parametrize(
    "head",
    [
        b"GET /v1/feeds/a?cursor=" + b"%F2%82%B8%B6" * 6000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nX: " + b"y" * (1 << 17) + b"\r\n\r\n",
        b"GET /openapi.json HTTP/9.9\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
    ],
    ids=["a long address", "a long header", "another version", "no HTTP"],
)
async def test_what_cannot_be_read_is_refused_as_a_problem_like_all_else(scene, head):
    async with served(Publishing().app, scene.settings()) as port:
        answer = await talk(scene, port, head)
    lines, _, body = answer.partition(b"\r\n\r\n")
    assert lines.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Content-Type: application/problem+json" in lines
    assert b"Content-Security-Policy: default-src 'none'" in lines
    assert json.loads(body)["code"] == "REQUEST_UNREADABLE"


async def test_11_21_who_never_reads_an_answer_is_let_go(scene, monkeypatch):
    monkeypatch.setattr(protocol, "UNTAKEN_SECONDS", 0.3)
    cut = asyncio.Event()
    before = protocol.PeerProtocol.connection_lost

    def lost(self, exc):
        before(self, exc)
        cut.set()

    monkeypatch.setattr(protocol.PeerProtocol, "connection_lost", lost)
    async with served(Publishing().app, scene.settings()) as port:
        context = scene.client_context()
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context, limit=1 << 10)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        writer.transport.pause_reading()
        await asyncio.wait_for(cut.wait(), 60)
        writer.transport.abort()
        assert reader is not None


async def test_11_21_who_reads_slowly_is_not(scene, monkeypatch):
    monkeypatch.setattr(protocol, "UNTAKEN_SECONDS", 2.0)
    async with served(Publishing().app, scene.settings()) as port:
        reader, writer = await asyncio.open_connection(HOST, port, ssl=scene.client_context())
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await writer.drain()
        received = 0
        while part := await reader.read(1 << 20):
            received += len(part)
            await asyncio.sleep(0.05)
        writer.close()
    assert received > LARGE
