"""The load that comes to a gateway: publishers, page readers, streams."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks.gateway_site import ORIGINATOR, STREAM_UNIT, Site
from broker.testing import make_alert, make_label
from broker.wire.alert_codec import encode_alert

_ARRIVES_SECONDS = 400.0
AVRO_BATCH = "application/vnd.lali.alerts"


def draft() -> dict[str, Any]:
    """Return an ordinary draft that eight feeds receive; it has an id of its own."""
    label = make_label(originator=ORIGINATOR)
    for name in ("alert_id", "originated_at", "expires_at"):
        label[name] = str(label[name])
    text = "SYNTHETIC: crew of a longliner without papers. " * 12
    return {
        "label": label,
        "distribution": {"retention_class": "YEARS_5"},
        "compartments": {"summary": {"headline": "SYNTHETIC", "text": text}},
    }


def batch(size: int) -> bytes:
    """Return *size* framed alerts as one body."""
    values = [encode_alert(make_alert(originator=ORIGINATOR)) for _ in range(size)]
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which *share* of *values* lie."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


@dataclass
class Rate:
    """How many were done in how long, at what cost to the gateway."""

    seconds: list[float]
    wall: float
    cpu: float

    def figures(self, each: int = 1) -> dict[str, float]:
        """Return rate, latency and cost, for *each* alerts or items a request."""
        count = len(self.seconds)
        return {
            "per_second": round(count * each / self.wall, 1),
            "per_second_per_core": round(count * each / self.cpu, 1) if self.cpu else 0,
            "p50_ms": round(percentile(self.seconds, 0.5) * 1000, 1),
            "p99_ms": round(percentile(self.seconds, 0.99) * 1000, 1),
            "cpu_us_per_request": round(self.cpu / count * 1e6),
        }


async def hammer(
    site: Site, clients: int, seconds: float, request: Callable[[], Awaitable[None]]
) -> Rate:
    """Have *clients* make requests one after the other for some seconds."""
    for _ in range(3):
        await request()  # imports, caches, connections
    taken: list[float] = []
    cpu, began = site.cpu_seconds(), time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - began < seconds:
            start = time.perf_counter()
            await request()
            taken.append(time.perf_counter() - start)

    await asyncio.gather(*(client() for _ in range(clients)))
    return Rate(taken, time.perf_counter() - began, site.cpu_seconds() - cpu)


async def post(session: aiohttp.ClientSession, site: Site, body: bytes, kind: str) -> None:
    """Publish; anything but a full success is no figure.

    Raises:
        RuntimeError: The gateway did not take it.
    """
    headers = {"Content-Type": kind}
    async with session.post(site.url + "/v1/alerts", data=body, headers=headers) as answer:
        said = await answer.read()
        if answer.status != 202:
            raise RuntimeError(f"publishing ended in {answer.status}: {said[:200]!r}")


async def page(session: aiohttp.ClientSession, site: Site, **query: str) -> dict[str, Any]:
    """Return a page of the feed.

    Raises:
        RuntimeError: There was none.
    """
    async with session.get(site.feed_url, params=query) as answer:
        if answer.status != 200:
            raise RuntimeError(f"a page ended in {answer.status}")
        found: dict[str, Any] = await answer.json()
        return found


@dataclass
class Arrivals:
    """When each alert left, and when it came by each way; seconds since 1970."""

    left: dict[str, float] = field(default_factory=dict)
    stream: dict[str, float] = field(default_factory=dict)
    file: dict[str, float] = field(default_factory=dict)
    webhook: dict[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """Return p50 and p99 of each way, milliseconds."""
        found: dict[str, Any] = {}
        for way in ("stream", "file", "webhook"):
            came: dict[str, float] = getattr(self, way)
            took = [came[alert] - left for alert, left in self.left.items()]
            for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99)):
                found[f"{way}_{name}"] = round(percentile(took, share) * 1000)
        return found

    async def complete(self, site: Site) -> None:
        """Wait until everything has come by every way.

        Raises:
            TimeoutError: Something did not come.
        """
        async with asyncio.timeout(_ARRIVES_SECONDS):
            # Files and posts come without a word.
            while not all(self.left.keys() <= way.keys() for way in self._ways(site)):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    def _ways(self, site: Site) -> tuple[dict[str, float], ...]:
        for path in (site.folder / "drop").glob("*.json"):
            self.file.setdefault(path.name.partition(".")[0], path.stat().st_mtime)
        return self.stream, self.file, self.webhook


async def follow(site: Site, came: dict[str, float], started: asyncio.Event) -> None:
    """Note when each alert comes by the stream, until cancelled."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        site.session(STREAM_UNIT) as session,
        session.get(site.feed_url + "/stream", timeout=timeout, params=await _now(site)) as answer,
    ):
        async for line in answer.content:
            started.set()
            if line.startswith(b"data: "):
                came[json.loads(line[6:])["alert_id"]] = time.time()


async def _now(site: Site) -> dict[str, str]:
    """Return the query that begins behind what is there already."""
    query: dict[str, str] = {"limit": "500", "form": "summary"}
    async with site.session(STREAM_UNIT) as session:
        while (found := await page(session, site, **query))["more"]:
            query["cursor"] = found["next"]
    return {"cursor": found["next"]}


async def crowd(site: Site, clients: int, expected: int, started: asyncio.Event) -> list[int]:
    """Open *clients* streams and return how many events each got, all of them *expected*."""
    cursor = await _now(site)
    opened = 0

    async def client(session: aiohttp.ClientSession) -> int:
        nonlocal opened
        count, is_open = 0, False
        timeout = aiohttp.ClientTimeout(total=None, sock_read=_ARRIVES_SECONDS)
        async with session.get(site.feed_url + "/stream", timeout=timeout, params=cursor) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if not is_open:  # comments go on coming
                    opened, is_open = opened + 1, True
                    if opened == clients:
                        started.set()
                count += line.startswith(b"id: ")
                if count == expected:
                    return count
        return count

    async with site.session(STREAM_UNIT) as session:
        return await asyncio.gather(*(client(session) for _ in range(clients)))


class Noting(dict[str, bytes]):
    """What the webhook's desk keeps, with the moment at which each alert came."""

    def __init__(self, came: dict[str, float]) -> None:
        super().__init__()
        self._came = came

    def __setitem__(self, key: str, body: bytes) -> None:
        self._came.setdefault(json.loads(body)["alert_id"], time.time())
        super().__setitem__(key, body)
