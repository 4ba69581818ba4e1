"""A body that is too large, or that stands still, is ended before anything reads it whole."""

import asyncio

import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from broker.gateway.body_limit import BodyLimit
from broker.gateway.problems import install_problems


class Said(BaseModel):
    text: str


def app_with(most=1000, stalled=5.0):
    app = FastAPI()
    install_problems(app)

    @app.post("/parsed")
    async def parsed(said: Said) -> int:
        return len(said.text)

    @app.post("/streamed")
    async def streamed(request: Request) -> int:
        return len(b"".join([chunk async for chunk in request.stream()]))

    @app.get("/nothing")
    async def nothing() -> str:
        return "well"

    return BodyLimit(app, most, stalled)


async def ask(app, path, *chunks, headers=(), method="POST"):
    """Send *chunks*; a float is a silence of so many seconds."""
    waiting, sent = list(chunks), []

    async def receive():
        while waiting and isinstance(waiting[0], float):  # noqa: ASYNC110 - silences
            await asyncio.sleep(waiting.pop(0))
        if waiting:
            body = waiting.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(waiting)}
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"content-type", b"application/json"), *headers],
        "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    starts = [each["status"] for each in sent if each["type"] == "http.response.start"]
    assert len(starts) == 1
    return starts[0], b"".join(each.get("body", b"") for each in sent)


@pytest.mark.parametrize("path", ["/parsed", "/streamed"])
async def test_a_body_within_bounds_is_read(path):
    status, body = await ask(app_with(), path, b'{"text":', 0.01, b'"abc"}')

    assert status == 200
    assert body in (b"3", b"14")


@pytest.mark.parametrize("path", ["/parsed", "/streamed"])
async def test_a_body_that_grows_too_large_is_refused_once_though_it_declares_nothing(path):
    status, body = await ask(app_with(), path, *[b" " * 400] * 4)

    assert status == 413
    assert b"OVERSIZED" in body


@pytest.mark.parametrize("length", [b"1001", b"99999999999999999999", b"-1", b"1e3", b""])
async def test_a_body_that_declares_too_much_or_nonsense_is_not_read(length):
    status, _ = await ask(app_with(), "/parsed", headers=[(b"content-length", length)])

    assert status == 413


@pytest.mark.parametrize("path", ["/parsed", "/streamed"])
async def test_a_body_that_stands_still_is_ended(path):
    status, body = await ask(app_with(stalled=0.2), path, b'{"text":', 30.0, b'"abc"}')

    assert status == 408
    assert b"BODY_STALLED" in body


async def test_a_request_without_a_body_may_take_its_time():
    status, body = await ask(app_with(stalled=0.2), "/nothing", b"", method="GET")

    assert (status, body) == (200, b'"well"')
