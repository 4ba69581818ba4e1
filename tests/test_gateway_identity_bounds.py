"""What strangers can make the gateway do: heads without end, rates, other sites' requests."""

import asyncio

import pytest
from credentials import (
    HOST,
    Scene,
    doorkeeper_of,
    gateway_app,
    served,
)

from broker.gateway.identity import protocol
from broker.gateway.limits import Limiter


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


async def _who(session, port, **headers):
    async with session.get(f"https://{HOST}:{port}/who", headers=headers) as answer:
        return answer.status, await answer.json()


async def _raw(scene, port, pair, data):
    """Send bytes; return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection(HOST, port, ssl=scene.client_context(pair))
    try:
        writer.write(data)
        await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_answers_say_what_browsers_need_and_nothing_about_the_server(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        for path, expected in (("/who", 200), ("/absent", 404), ("/broken", 500)):
            async with session.get(f"https://{HOST}:{port}{path}") as answer:
                assert answer.status == expected
                assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cache-Control"] == "no-store"
                assert "Server" not in answer.headers
                assert "Synthetic" not in await answer.text()
        asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
        async with session.options(f"https://{HOST}:{port}/who", headers=asked) as answer:
            assert answer.status == 405
            assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Origin": "https://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://elsewhere.example"}, 400),
        ({"Origin": "null"}, 400),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Origin": "http://["}, 400),
        ({"Origin": "http://127.0.0.1:{port}"}, 400),  # 11.16: somebody on the way wrote that page
        ({"Origin": "https://127.0.0.1:{port}"}, 200),
        ({"Origin": "https://127.0.0.1"}, 400),
        ({"Origin": "https://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
    ],
)
async def test_no_other_site_makes_a_browser_change_anything(scene, headers, expected):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        sent = {name: text.format(port=port) for name, text in headers.items()}
        async with session.post(f"https://{HOST}:{port}/publish", headers=sent) as answer:
            assert answer.status == expected


async def test_a_trailer_never_becomes_a_header(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    sent = (
        b"POST /publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
        b"1\r\na\r\n0\r\nX-Trailer: smuggled\r\n\r\n"
    )
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        answer = await _raw(scene, port, pair, sent)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"trailer":null' in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /who HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * protocol.MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET /who HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"a" * (4 * protocol.MAX_HEAD_BYTES),
        b"GET /who HTTP/1.1\r\n" + b"X: y\r\n" * protocol.MAX_HEAD_BYTES + b"\r\n",
        b"GET /" + b"a" * 2 * protocol.MAX_HEAD_BYTES,
    ],
)
async def test_a_head_beyond_the_bound_is_cut_off(scene, head, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 3600)  # by its size alone
    settings = scene.settings()
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        answer = await _raw(scene, port, None, head)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


async def test_a_body_is_no_head_however_it_arrives(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    body = b"a" * (8 * protocol.MAX_HEAD_BYTES)
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        for _ in range(3):
            async with session.post(f"https://{HOST}:{port}/publish", data=body) as answer:
                assert answer.status == 200


async def test_who_does_not_finish_a_head_is_let_go(scene, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    settings = scene.settings()
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        assert await _raw(scene, port, None, b"GET /who HTTP/1.1\r\nHost: x\r\n") == b""
        assert await _raw(scene, port, None, b"") == b""


async def test_strangers_are_limited_by_address_and_never_shut_out_who_is_known(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    app = gateway_app(doorkeeper_of(settings), Limiter("1000/hour", "3/hour"))
    async with served(app, settings) as port:
        async with scene.session() as session:
            assert [(await _who(session, port))[0] for _ in range(5)] == [401] * 3 + [429] * 2
            async with session.get(f"https://{HOST}:{port}/who") as answer:
                assert 1 <= int(answer.headers["Retry-After"]) <= 3600
        async with scene.session(pair) as session:
            assert (await _who(session, port))[0] == 200


async def test_each_identity_has_a_rate_of_its_own(scene):
    settings = scene.settings()
    app = gateway_app(doorkeeper_of(settings), Limiter("2/hour"))
    async with served(app, settings) as port:
        for unit in ("fiji-police", "samoa-police"):
            async with scene.session(scene.ca.issue_client(f"unit.{unit}")) as session:
                assert [(await _who(session, port))[0] for _ in range(3)] == [200, 200, 429]
