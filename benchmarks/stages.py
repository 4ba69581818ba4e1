"""The stages under measurement, each in a process of its own: `python -m benchmarks.stages`."""

import asyncio
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.backlog import alerts_of, decider_of, fill, make_topics
from benchmarks.bare_copy import copy
from benchmarks.meter import Cost, Meter
from benchmarks.sealed import fill_sealed, open_cost
from broker.collector import keep_apart
from broker.logs import configure_logs
from broker.model.release import Receipt, Release
from broker.pipeline.accept import Accept
from broker.pipeline.deliver import Deliver
from broker.pipeline.router import Router
from broker.policy.decide import Decider
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import decode_release
from broker.wire.connection import Connection
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics, TopicSpec


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure: stage, cluster, and the size of it."""

    stage: str
    servers: str
    alerts: int
    labels: int = 20
    feeds: int = 4
    released: int = 4


async def bare_copy(task: Task) -> Cost:
    """Copy the same alerts 1:1."""
    connection, topics = _names(task)
    names = [topics.alerts, f"{topics.prefix}copy"]
    await apply_topics(connection, [TopicSpec(name, 1) for name in names])
    await fill(connection, names[0], alerts_of(task.alerts, task.labels))
    warm_up = task.alerts // 10
    return await copy(connection, names[0], names[1], task.alerts - warm_up, warm_up)


async def accept(task: Task) -> Cost:
    """Accept what is published."""
    connection, topics = _names(task)
    with tempfile.TemporaryDirectory() as folder:
        decider = decider_of(Path(folder), 1, 3)
        await make_topics(connection, topics, decider)
    units = decider.bundle.community.publishers()
    intake = {unit: topics.intake(unit) for unit in units}
    await fill(connection, intake, alerts_of(task.alerts, task.labels))
    role = Accept(connection, topics, units)
    return await _measure(role, lambda: role.counts["accepted"], task.alerts)


async def route(task: Task) -> Cost:
    """Route accepted alerts to feeds, ledger, plans and audit, in transactions."""
    connection, topics = _names(task)
    with tempfile.TemporaryDirectory() as folder:
        decider = decider_of(Path(folder), task.feeds, 20, released=task.released)
        await make_topics(connection, topics, decider)
    await fill(connection, topics.alerts, alerts_of(task.alerts, task.labels))
    role = Router(connection, topics, decider.plan)
    cost = await _measure(role, lambda: role.routed, task.alerts)
    await _require_received(connection, topics, decider, task)
    return cost


async def _require_received(
    connection: Connection, topics: Topics, decider: Decider, task: Task
) -> None:
    """Refuse figures of a router that did not write what it should have.

    Raises:
        RuntimeError: The first feed did not receive every alert.
    """
    feed = min(decider.bundle.community.feeds)
    read = read_to_end(connection, [topics.feed(feed)])
    received = sum([1 async for _ in read])
    if received != task.alerts:
        raise RuntimeError(f"{feed} received {received} of {task.alerts} alerts")


async def sealed(task: Task) -> dict[str, Any]:
    """Route sealed alerts; then open what a feed received."""
    connection, topics = _names(task)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        decider = decider_of(folder / "bundle", task.feeds, 20, released=task.released)
        protection, once = await fill_sealed(
            connection, topics, decider, folder / "keys", task.alerts, task.labels
        )
        role = Router(connection, topics, decider.plan, new_sealer=protection.sealer)
        cost = await _measure(role, lambda: role.routed, task.alerts)
        feed = next(iter(decider.bundle.community.feeds))
        opened, received = await open_cost(connection, topics, protection, feed, 500)
    if received != task.alerts:
        raise RuntimeError(f"{feed} received {received} of {task.alerts}")
    return {**asdict(cost), "once": once | {"open": round(opened, 1)}}


async def deliver(task: Task) -> Cost:
    """Deliver one feed to a partner that takes everything at once."""
    connection, topics = _names(task)
    with tempfile.TemporaryDirectory() as folder:
        decider = decider_of(Path(folder), 1, 20)
        await make_topics(connection, topics, decider)
    await fill(connection, topics.alerts, alerts_of(task.alerts, task.labels))
    router = Router(connection, topics, decider.plan)
    await _measure(router, lambda: router.routed, task.alerts)
    feed = next(iter(decider.bundle.community.feeds))
    role = Deliver(connection, topics, decider, {feed: _Partner(feed)})
    return await _measure(role, lambda: role.status()[feed].delivered, task.alerts)


class _Partner:
    """Takes everything; opens each release, as a connector of plain formats does."""

    def __init__(self, feed: str) -> None:
        self._feed = feed

    async def open(self) -> None:
        """Nothing to open."""

    async def deliver(self, release: Release) -> Receipt:
        """Take it."""
        view = decode_release(release.value)
        return Receipt(
            self._feed, release.alert_id, release.revision, release.kind, view.released_at, "taken"
        )

    async def close(self) -> None:
        """Nothing to close."""


async def _measure(role: Any, done: Callable[[], int], alerts: int) -> Cost:
    """Run *role* until *done* reaches *alerts*; the first tenth is not counted.

    Raises:
        TimeoutError: It did not get there, or so fast that nothing was measured.
    """
    running = asyncio.create_task(role.run())
    started: Meter | None = None
    skipped = 0
    deadline = time.monotonic() + 300
    while done() < alerts and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        if started is None and done() >= alerts // 10:
            started, skipped = Meter(), done()
    if started is None or done() < alerts:
        raise TimeoutError(f"only {done()} of {alerts} alerts in time")
    if skipped >= alerts:
        raise TimeoutError("measured nothing: too few alerts")
    cost = started.read(alerts - skipped)
    role.stop()
    await asyncio.wait([running], timeout=20)
    return cost


def _names(task: Task) -> tuple[Connection, Topics]:
    return Connection(task.servers), Topics(f"b{uuid.uuid4().hex[:8]}.", partitions=1)


_STAGES: dict[str, Any] = {
    "copy": bare_copy,
    "accept": accept,
    "route": route,
    "sealed": sealed,
    "deliver": deliver,
}


def main() -> None:
    """Measure one stage; the task comes as JSON in the first argument."""
    configure_logs(level="warning")
    keep_apart()  # as `lali run` does
    task = Task(**json.loads(sys.argv[1]))
    cost = asyncio.run(_STAGES[task.stage](task))
    print(json.dumps(cost if isinstance(cost, dict) else asdict(cost)))


if __name__ == "__main__":
    main()
