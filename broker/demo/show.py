"""The demo itself: a region at work on a real Kafka, from the first alert to the balance."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.app import Parts, make_accept, make_deliver, make_parts, make_router
from broker.audit.balance import Balance, balance, read_disclosed, read_published
from broker.audit.log import AuditLog, read_audit
from broker.cluster.local import LocalKafka
from broker.demo.door import HTTP_FEEDS, Door
from broker.demo.leaks import LeakSearch, Search
from broker.demo.memory import memory_mb
from broker.demo.partners import TOPIC_FEEDS, WebhookDesk, overlay, partner_topics
from broker.demo.progress import Progress
from broker.demo.received import Partners, everything_received
from broker.keys import init_keys
from broker.pipeline.accept import Accept
from broker.pipeline.deliver import Deliver
from broker.pipeline.router import Router
from broker.settings import Settings
from broker.simulate.scenario import Scenario, Step, past_start
from broker.wire.admin import apply_topics
from broker.wire.sender import Sender

_DAYS = 3
_PATIENCE_SECONDS = 90.0


@dataclass(slots=True)
class Result:
    """What the demo found."""

    kafka: str
    parts: Parts
    log: AuditLog
    books: Balance
    search: Search
    unexpected: list[str]
    by_http: int
    seconds: float
    memory_mb: float
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, nothing leaked, and the books balance."""
        return self.books.holds and not self.search.leaks and not self.unexpected

    def figures(self) -> dict[str, Any]:
        """Return the figures for machines."""
        books = self.books
        return {
            "kafka": self.kafka,
            "published": books.published,
            "published_by_http": self.by_http,
            "accepted": books.accepted,
            "duplicates": books.duplicates,
            "quarantined": books.quarantined,
            "released": books.released,
            "withheld": books.withheld,
            "recalled": books.recalled,
            "delivered": books.delivered,
            "not_delivered": books.not_delivered,
            "dead_lettered": books.dead_lettered,
            "lost": books.lost,
            "leaked": len(self.search.leaks),
            "unexpected": len(self.unexpected),
            "balance": books.holds,
            "bytes_searched": self.search.bytes_searched,
            "canaries_seen": self.search.canaries_seen,
            "feeds": len(self.parts.community.feeds),
            "seconds": round(self.seconds, 1),
            "memory_mb": round(self.memory_mb),
        }


async def show(
    settings: Settings,
    kafka: LocalKafka,
    folder: Path,
    *,
    alerts: int,
    seed: int,
    progress: Progress,
) -> Result:
    """Run the demo on *kafka* and judge it.

    Args:
        settings: The settings; their cluster is *kafka*.
        kafka: The cluster that runs.
        folder: Where partners collect files.
        alerts: How many different alerts; repetitions, revisions and poison come on top.
        seed: Names the scenario.
        progress: Shows what happens.
    """
    began = time.monotonic()
    desk = WebhookDesk()
    await desk.start()
    try:
        reached = overlay(desk, folder, kafka.bootstrap_servers)
        init_keys(settings, entrusted=sorted({*reached, *HTTP_FEEDS} - set(TOPIC_FEEDS)))
        parts = make_parts(settings, reached)
        created = await parts.apply_topics()
        await apply_topics(parts.connection("partners"), partner_topics())
        progress.say(f"{len(created)} topics · bundle {parts.bundle.digest.hex()[:12]}")
        start = past_start(datetime.now(UTC), _DAYS)
        scenario = Scenario(
            seed=seed,
            alerts=alerts,
            community=parts.bundle.community,
            start=start,
            days=_DAYS,
            seal=parts.protection.seal if parts.protection else None,
        )
        door = Door(parts)
        steps = await _run(parts, list(scenario), door, progress)
        return await _judge(kafka, parts, steps, Partners(desk, door, folder), began, progress)
    finally:
        await desk.stop()


async def _run(parts: Parts, steps: list[Step], door: Door, progress: Progress) -> list[Step]:
    accept, router, deliver = make_accept(parts), make_router(parts), make_deliver(parts)
    running = [asyncio.create_task(role.run()) for role in (accept, router, deliver)]
    progress.watch(len(steps), accept, router, deliver)
    await door.start()
    try:
        await _publish(parts, steps, door, progress)
        await _until_drained(parts, len(steps), accept, router, deliver, progress)
        await door.read_all()
    finally:
        await door.stop()
        for role in (accept, router, deliver):
            role.stop()
        await asyncio.wait(running, timeout=20)
    return steps


async def _publish(parts: Parts, steps: list[Step], door: Door, progress: Progress) -> None:
    sender = Sender(parts.connection("publish"))
    await sender.start()
    try:
        for step in steps:
            if door.takes(step):
                await door.publish(step)
            else:
                await sender.send(parts.topics.intake(step.originator), step.key, step.value)
            progress.published(step)
    finally:
        await sender.stop()


async def _until_drained(
    parts: Parts, sent: int, accept: Accept, router: Router, deliver: Deliver, progress: Progress
) -> None:
    """Wait until every stage has dealt with what the stage before it gave.

    The wait is bounded: what has not arrived by then is counted as lost.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        progress.refresh()
        await asyncio.sleep(0.2)
        if sum(accept.counts.values()) < sent or router.routed < accept.counts["accepted"]:
            continue
        disclosed = await read_disclosed(
            parts.connection("wait"), parts.topics, list(deliver.status())
        )
        ended = sum(
            status.delivered + status.not_delivered + status.dead_lettered
            for status in deliver.status().values()
        )
        if ended >= disclosed.total():
            return


async def _judge(
    kafka: LocalKafka,
    parts: Parts,
    steps: list[Step],
    partners: Partners,
    began: float,
    progress: Progress,
) -> Result:
    progress.say("reading the audit log, every feed, file, webhook and dead letter")
    connection = parts.connection("audit")
    log = await read_audit(connection, parts.topics)
    published = await read_published(connection, parts.topics, parts.community.publishers())
    disclosed = await read_disclosed(connection, parts.topics, parts.community.feeds)
    books = balance(
        published, log, disclosed, frozenset(overlay(partners.desk, partners.folder, ""))
    )
    feeds, units = dict(parts.community.feeds), dict(parts.community.units)
    search = LeakSearch((step.alert for step in steps), log, feeds, units)
    async for feed, place, data in everything_received(parts, partners):
        search.search(feed, place, data)
    return Result(
        kafka=kafka.version,
        parts=parts,
        log=log,
        books=books,
        search=search.result,
        unexpected=_unexpected(steps, log),
        by_http=partners.door.published,
        seconds=time.monotonic() - began,
        memory_mb=memory_mb(),
    )


def _unexpected(steps: list[Step], log: AuditLog) -> list[str]:
    """Return how what happened differs from what the scenario foretold, by kind and reason."""
    foretold: dict[tuple[str, str], int] = {}
    for step in steps:
        key = (step.expectation.name, step.reason.value if step.reason else "")
        foretold[key] = foretold.get(key, 0) + 1
    names = {"DECIDED": "ACCEPTED", "DUPLICATE": "DUPLICATE", "QUARANTINED": "QUARANTINED"}
    for entry in log.of(*names):
        key = (names[entry.kind], entry.reason or "")
        foretold[key] = foretold.get(key, 0) - 1
    return [
        f"{kind} {reason}: {count:+} foretold"
        for (kind, reason), count in foretold.items()
        if count
    ]
