"""`lali simulate`: days of a Pacific region, seeded, visibly synthetic."""

import asyncio
import base64
import json as json_text
import time
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console
from rich.table import Table

from broker.cli import print_json
from broker.keys import client_protection
from broker.policy.directory import read_directory
from broker.private_files import write_private
from broker.settings import Settings, load_settings
from broker.simulate import Scenario, Step, past_start
from broker.wire.access import Principals
from broker.wire.identity import connection_as
from broker.wire.protected import require_unprotected
from broker.wire.sender import Sender, Sent
from broker.wire.topics import Topics

_UNDER_WAY = 200


def simulate(
    *,
    seed: int = 7,
    days: Annotated[int, Parameter(validator=Number(gte=1, lte=365))] = 3,
    alerts: Annotated[int, Parameter(validator=Number(gte=0))] = 40,
    start: datetime | None = None,
    out: Path | None = None,
    publish: Annotated[bool, Parameter(negative="")] = False,
    rate: Annotated[float, Parameter(validator=Number(gte=0))] = 0,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Tell a seeded story of a region, and print what the broker must make of it.

    New alerts, updates, cancels, duplicates, withdrawn consent, TLP:RED, exercises, embargoes,
    and input that must be quarantined. Every text carries a canary. The same seed and start
    give the same bytes.

    Example: `lali simulate --seed 7 --alerts 20 --publish`

    Args:
        seed: Names the story.
        days: How many days it spans.
        alerts: How many different alerts; revisions, repetitions and poison come on top.
        start: When it begins, UTC if no zone is given; by default so that it has ended by now.
        out: Write every step to this file, one line of JSON each.
        publish: Send every step to the intake topic of its originator.
        rate: Steps a second when publishing; 0 is as fast as Kafka takes them.
        json: Print the counts as one JSON object.
    """
    settings = load_settings()
    begins = start or past_start(datetime.now(UTC), days)
    begins = begins if begins.tzinfo else begins.replace(tzinfo=UTC)
    community = read_directory(settings.bundle / "community.toml")
    protection = client_protection(settings) if publish else None
    scenario = Scenario(
        seed=seed,
        alerts=alerts,
        days=days,
        community=community,
        start=begins,
        seal=protection.seal if protection else None,
    )
    if out:
        text = "".join(json_text.dumps(_record(step)) + "\n" for step in scenario)
        write_private(out, text.encode())
    if publish:
        asyncio.run(_publish(scenario, settings, rate))
    _show(scenario, begins, as_json=json)


async def _publish(scenario: Scenario, settings: Settings, rate: float) -> None:
    # Not through a Publisher: that would refuse to send what must be quarantined.
    topics = Topics(settings.topic_prefix, settings.partitions)
    senders: dict[str, Sender] = {}
    try:
        for unit in sorted({step.originator for step in scenario}):
            principal = Principals(settings.topic_prefix).unit(unit)
            connection = connection_as(settings, "lali-simulate", principal)
            if settings.protection == "off" and not senders:
                await require_unprotected(connection, topics)
            senders[unit] = Sender(connection)
            await senders[unit].start()
            await senders[unit].require(topics.intake(unit))
        await _send_all(scenario, senders, topics, rate)
    finally:
        for sender in senders.values():
            await sender.stop()


async def _send_all(
    scenario: Scenario, senders: dict[str, Sender], topics: Topics, rate: float
) -> None:
    due = time.monotonic()
    under_way: deque[asyncio.Task[Sent]] = deque()
    for step in scenario:
        sender, topic = senders[step.originator], topics.intake(step.originator)
        under_way.append(await sender.begin(topic, step.key, step.value))
        if len(under_way) > _UNDER_WAY:
            await under_way.popleft()
        if rate > 0:
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    await asyncio.gather(*under_way)


def _record(step: Step) -> dict[str, Any]:
    return {
        "at": step.at.isoformat(),
        "kind": step.kind,
        "originator": step.originator,
        "key": None if step.key is None else step.key.decode(),
        "value": None if step.value is None else base64.b64encode(step.value).decode(),
        "expectation": step.expectation,
        "reason": step.reason,
        "alert": step.alert.model_dump(mode="json"),
    }


def _show(scenario: Scenario, begins: datetime, *, as_json: bool) -> None:
    counts = Counter(_summary(step) for step in scenario)
    if as_json:
        by_expectation: Counter[str] = Counter()
        for (_, expectation, _), count in counts.items():
            by_expectation[expectation.lower()] += count
        print_json({"start": begins.isoformat(), **by_expectation})
        return
    table = Table("what is sent", "what must become of it", "reason", "steps")
    for row, count in sorted(counts.items(), key=lambda item: item[0][1:]):
        table.add_row(*row, str(count))
    Console().print(table)
    Console().print(f"{sum(counts.values())} steps from {begins.isoformat()}")


def _summary(step: Step) -> tuple[str, str, str]:
    return step.kind, step.expectation.value, step.reason.value if step.reason else ""
