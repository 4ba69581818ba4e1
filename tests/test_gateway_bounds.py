"""B21: nobody shuts others out by what it holds open: streams, slow bodies, half requests."""

import asyncio
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_body_limit import Said, ask

from broker.gateway import half_open
from broker.gateway.body_limit import BodyLimit
from broker.gateway.caller import Caller
from broker.gateway.half_open import HalfOpen
from broker.gateway.places import Full, Places
from broker.gateway.problems import Problem, install_problems
from broker.gateway.stream_routes import Streams
from broker.gateway.under_way import UnderWay, leave_place, take_place
from broker.settings import Settings


def caller(unit, identity):
    return Caller(unit, frozenset(), frozenset(), identity)


def streams_of(**settings):
    return Streams(SimpleNamespace(settings=Settings(**settings)))


def refused(streams, who):
    with pytest.raises(Problem) as met:
        streams.admitted(who)
    return met.value.status, met.value.code, met.value.retry_after


def test_b21_one_credential_and_one_unit_leave_places_for_streams_of_others():
    streams = streams_of()
    greedy = [streams.admitted(caller("a", "key:1")) for _ in range(50)]
    assert refused(streams, caller("a", "key:1")) == (429, "STREAMS_FULL", 30)
    greedy += [streams.admitted(caller("a", "key:2")) for _ in range(50)]
    assert refused(streams, caller("a", "key:3"))[0] == 429
    others = [streams.admitted(caller(f"u{n}", f"key:u{n}")) for n in range(100)]
    streams._places.give_back(greedy.pop())
    assert streams.admitted(caller("a", "key:3"))
    del others


def test_b21_all_places_of_a_gateway_are_bounded_by_what_the_process_may_open(monkeypatch):
    monkeypatch.setattr("broker.gateway.stream_routes.open_files", lambda: 20)
    streams = streams_of()
    taken = [streams.admitted(caller(f"u{n}", f"k{n}")) for n in range(10)]
    assert refused(streams, caller("u", "k"))[0] == 503
    taken.clear()  # readers that went before their stream began
    assert streams.admitted(caller("u", "k"))


KINDS = {"all": 7, "unit": 4, "identity": 2}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.booleans())))
def test_b21_no_name_ever_has_more_places_than_it_may(steps):
    places, taken = Places(KINDS), []
    for unit, identity, gives in steps:
        names = {"all": "", "unit": unit, "identity": identity}
        mine = [t for t in taken if t[0] == names]
        if gives and mine:
            taken.remove(mine[0])
            places.give_back(mine[0][1])
            continue
        counts = {k: sum(t[0][k] == names[k] for t in taken) for k in KINDS}
        has_room = all(counts[kind] < most for kind, most in KINDS.items())
        try:
            taken.append((names, places.take(names)))
        except Full as full:
            assert not has_room
            assert counts[full.kind] >= KINDS[full.kind]  # noqa: PT017 - either may come
        else:
            assert has_room
    for _, place in taken:
        places.give_back(place)
    assert not places._taken


# Bodies


def app_with(patience):
    from fastapi import FastAPI

    app = FastAPI()
    install_problems(app)

    @app.post("/parsed")
    async def parsed(said: Said) -> int:
        return len(said.text)

    return BodyLimit(app, 1_000_000, stalled_seconds=5.0, patience_seconds=patience)


async def test_b21_a_body_that_trickles_is_ended_though_it_never_stands_still():
    async with asyncio.timeout(60):
        status, body = await ask(app_with(0.5), "/parsed", b'{"text":"', *[0.1, b"x"] * 500)
    assert status == 408
    assert b"BODY_STALLED" in body


async def test_b21_a_large_body_over_a_thin_link_has_the_time_that_it_needs():
    chunk = b"x" * 5_000  # worth ten seconds
    sent = (b'{"text":"', *[chunk, 0.05] * 30, b'"}')
    status, _ = await ask(app_with(0.5), "/parsed", *sent)
    assert status == 200


async def test_b21_one_credential_has_so_many_requests_under_way():
    going = asyncio.Event()

    async def app(scope, _receive, _send):
        take_place(scope, scope["who"])
        await going.wait()

    bounded = UnderWay(app, most=3)
    tasks = [asyncio.create_task(bounded({"type": "http", "who": "a"}, None, None)) for _ in "abc"]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="TOO_MANY_AT_ONCE"):
        await bounded({"type": "http", "who": "a"}, None, None)
    tasks.append(asyncio.create_task(bounded({"type": "http", "who": "b"}, None, None)))
    going.set()
    await asyncio.gather(*tasks)
    assert not bounded._places._taken


def test_b21_a_request_takes_one_place_and_gives_it_back_once():
    scope = {"lali.places": Places({"identity": 1})}
    take_place(scope, "a")
    take_place(scope, "a")
    leave_place(scope)
    leave_place(scope)
    take_place(scope, "a")


# Connections


class Waiting:
    def __init__(self):
        self.was_cut = False

    def cut(self):
        self.was_cut = True


def test_b21_who_opens_half_requests_without_end_loses_its_own_oldest():
    waiting, stranger = HalfOpen(1000, 100), "192.0.2.1"
    neighbour = Waiting()
    waiting.add(neighbour, "192.0.2.2")
    opened = [Waiting() for _ in range(1_100)]
    for each in opened:
        waiting.add(each, stranger)
    assert len(waiting) == 101
    assert [each.was_cut for each in opened] == [True] * 1000 + [False] * 100
    assert not neighbour.was_cut
    waiting.remove(neighbour)
    waiting.remove(neighbour)
    assert len(waiting) == 100


def test_b21_an_ipv6_subscriber_has_one_share_however_many_addresses():
    waiting = HalfOpen(1000, 100)
    for n in range(500):
        waiting.add(Waiting(), f"2001:db8:0:1::{n:x}")
    assert len(waiting) == 100
    waiting.add(Waiting(), "2001:db8:0:2::1")
    assert len(waiting) == 101


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=200))
def test_b21_the_books_of_half_open_connections_always_balance(steps):
    waiting, kept = HalfOpen(10, 4), []
    for address, leaves in steps:
        if leaves and kept:
            waiting.remove(kept.pop(0))
        else:
            kept.append(Waiting())
            waiting.add(kept[-1], f"192.0.2.{address}")
        kept = [each for each in kept if not each.was_cut]
        assert len(waiting) == len(kept) <= 10
        assert sum(map(len, waiting._by_address.values())) == len(kept)
        assert all(0 < len(each) <= 4 for each in waiting._by_address.values())


def test_b21_few_open_files_leave_room_for_others(monkeypatch):
    monkeypatch.setattr(half_open, "open_files", lambda: 256)
    assert HalfOpen()._most == 64


_SERVES = """
import asyncio, sys
sys.path.insert(0, "tests")
from types import SimpleNamespace
from broker.gateway import server
from starlette.responses import PlainTextResponse
import socket, uvicorn

async def app(scope, receive, send):
    await PlainTextResponse("well")(scope, receive, send)

server.make_app = lambda doors: app
gateway = server.Gateway(SimpleNamespace(
    settings=SimpleNamespace(
        gateway_body_bytes=1000, gateway_hosts=("x", "localhost"), gateway_host="127.0.0.1"),
    stopping=asyncio.Event()))

async def main():
    listener = server._listener("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    await server._Server(gateway._config()).serve(sockets=[listener])

asyncio.run(main())
"""


async def test_b21_eleven_hundred_half_requests_shut_nobody_out():
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))

    root = Path(__file__).parents[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVES, cwd=root, stdout=subprocess.PIPE, preexec_fn=few_files
    )
    writers = []
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), 60))
        async with asyncio.timeout(120):
            for _ in range(1_100):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
                writers.append(writer)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
    finally:
        for each in writers:
            each.close()
        process.kill()
        await process.wait()


async def test_b21_a_body_that_nobody_reads_any_more_has_an_end():
    root = Path(__file__).parents[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVES, cwd=root, stdout=subprocess.PIPE
    )
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), 60))
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nx")
            assert b"200" in await reader.readline()
            assert await reader.read() is not None  # and then the connection ends
            writer.close()
    finally:
        process.kill()
        await process.wait()
