"""What the HTTP doors take and give: one gateway worker, three Kafka nodes, all replicas.

The gateway's CPU is counted by its process. Rates and times are wall time on a machine that
also runs Kafka, the pipeline and the load, so they are lower bounds.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import gateway_load as load
from benchmarks.gateway_site import ORIGINATOR, STREAM_UNIT, WEBHOOK_FEED, Site, site
from broker.cluster.local import LocalKafka

Figures = dict[str, Any]

_NODES = 3
_BATCH = 100
_CLIENTS = 32
_STREAMS = 500
_FILLED = 2000
_PAGE_ITEMS = 50
#: Published at once, to see what all of it together keeps up with.
_BURST = 150


def measure(console: Console, *, quick: bool) -> Figures:
    """Return all figures."""
    with LocalKafka(nodes=_NODES) as kafka, tempfile.TemporaryDirectory() as folder:
        found = _measured(kafka.bootstrap_servers, Path(folder), console, quick=quick)
        return asyncio.run(found)


async def _measured(servers: str, folder: Path, console: Console, *, quick: bool) -> Figures:
    seconds = 5.0 if quick else 15.0
    (folder / "doors").mkdir()
    (folder / "arrival").mkdir()
    async with site(servers, folder / "doors", _NODES) as it:
        found = await _doors(it, console, seconds)
        console.print(f"[dim]gateway: {_STREAMS} streams[/]")
        found["streams"] = await _streams(it, 20 if quick else 60)
    console.print("[dim]gateway: publish to stream, file and webhook at half load[/]")
    async with site(servers, folder / "arrival", _NODES) as it:
        await it.start("accept", "route", "deliver", "gateway")
        found["arrival"] = await _arrival(it, seconds * 2)
    return found


async def _doors(it: Site, console: Console, seconds: float) -> Figures:
    await it.start("gateway")
    console.print("[dim]gateway: publishing, one by one and in batches[/]")
    found: Figures = {
        "publish_one": await _one_by_one(it, seconds),
        "publish_batch": await _in_batches(it, seconds),
    }
    await it.start("accept", "route")
    console.print("[dim]gateway: pages, whole and summary[/]")
    await _filled(it)
    found["pages"] = await _pages(it, seconds, "full")
    found["pages_summary"] = await _pages(it, seconds, "summary")
    return found


async def _one_by_one(it: Site, seconds: float) -> Figures:
    async with it.session(ORIGINATOR) as session:

        async def request() -> None:
            body = json.dumps(load.draft()).encode()
            await load.post(session, it, body, "application/json")

        rate = await load.hammer(it, _CLIENTS, seconds, request)
    return {"clients": _CLIENTS, **rate.figures()}


async def _in_batches(it: Site, seconds: float) -> Figures:
    bodies = iter([load.batch(_BATCH) for _ in range(int(seconds * 40))])
    async with it.session(ORIGINATOR) as session:

        async def request() -> None:
            body = next(bodies, None) or load.batch(_BATCH)
            await load.post(session, it, body, load.AVRO_BATCH)

        rate = await load.hammer(it, 4, seconds, request)
    return {"alerts_a_request": _BATCH, "clients": 4, **rate.figures(_BATCH)}


async def _filled(it: Site) -> None:
    """Wait until the feed shows enough, and nothing more is on its way."""
    async with it.session(STREAM_UNIT) as session, asyncio.timeout(600):
        behind, before = 0, -1
        while behind < _FILLED or behind != before:
            await asyncio.sleep(2)
            before, behind = behind, await _count(session, it)


async def _count(session: Any, it: Site) -> int:
    count, query = 0, {"limit": "500", "form": "summary"}
    while True:
        found = await load.page(session, it, **query)
        count += len(found["items"])
        query["cursor"] = found["next"]
        if not found["more"]:
            return count


async def _pages(it: Site, seconds: float, form: str) -> Figures:
    async with it.session(STREAM_UNIT) as session:
        query = {"limit": str(_PAGE_ITEMS), "form": form}

        async def request() -> None:
            found = await load.page(session, it, **query)
            if len(found["items"]) != _PAGE_ITEMS:
                raise RuntimeError("a page was not full")
            query["cursor"] = found["next"]
            if not found["more"]:
                del query["cursor"]

        rate = await load.hammer(it, 8, seconds, request)
    return {"items_a_page": _PAGE_ITEMS, "clients": 8, **rate.figures()}


async def _streams(it: Site, alerts: int) -> Figures:
    started = asyncio.Event()
    before = it.resident_mb()
    readers = asyncio.create_task(load.crowd(it, _STREAMS, alerts, started))
    await asyncio.wait_for(started.wait(), 120)
    cpu, began = it.cpu_seconds(), time.perf_counter()
    async with it.session(ORIGINATOR) as session:
        await load.post(session, it, load.batch(alerts), load.AVRO_BATCH)
    counts = await readers
    wall, spent = time.perf_counter() - began, it.cpu_seconds() - cpu
    if any(count != alerts for count in counts):
        raise RuntimeError("a stream missed an event")
    events = sum(counts)
    return {
        "streams": _STREAMS,
        "events": events,
        "events_per_second": round(events / wall),
        "cpu_us_per_event": round(spent / events * 1e6, 1),
        "resident_mb": round(it.resident_mb()),
        "kb_per_stream": round((it.resident_mb() - before) * 1000 / _STREAMS),
    }


async def _arrival(it: Site, seconds: float) -> Figures:
    """Return how long alerts take at half of what all of it together keeps up with."""
    came = load.Arrivals()
    it.desk.received[WEBHOOK_FEED] = load.Noting(came.webhook)
    started = asyncio.Event()
    following = asyncio.create_task(load.follow(it, came.stream, started))
    try:
        await asyncio.wait_for(started.wait(), 60)
        began = time.perf_counter()
        await _paced(it, came, count=_BURST, rate=1e6)
        await came.complete(it)
        capacity = _BURST / (time.perf_counter() - began)
        came.left.clear()
        await _paced(it, came, count=int(seconds * capacity / 2), rate=capacity / 2)
        await came.complete(it)
    finally:
        following.cancel()
    return {
        "keeps_up_with_per_second": round(capacity, 1),
        "rate_per_second": round(capacity / 2, 1),
        "alerts": len(came.left),
        **came.figures(),
    }


async def _paced(it: Site, came: load.Arrivals, count: int, rate: float) -> None:
    async with it.session(ORIGINATOR) as session:
        gate, began, tasks = asyncio.Semaphore(_CLIENTS), time.perf_counter(), set()

        async def one() -> None:
            body = load.draft()
            async with gate:
                came.left[body["label"]["alert_id"]] = time.time()
                await load.post(session, it, json.dumps(body).encode(), "application/json")

        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            tasks.add(asyncio.create_task(one()))
        await asyncio.gather(*tasks)
