"""A backlog of alerts on a real Kafka, and a bundle of as many feeds and rules as wanted."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.model.community import Feed
from broker.pipeline.accepted import intake_header
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.decide import Decider
from broker.resources import shipped
from broker.simulate.bench import bench_alerts
from broker.simulate.cast import Cast
from broker.wire.admin import apply_topics
from broker.wire.connection import Connection
from broker.wire.producer import idempotent_producer
from broker.wire.topics import Topics

#: The ordinary case of the benchmark: four feeds receive.
FOUR_FEEDS = 4


def pacific() -> Bundle:
    """Return the shipped bundle."""
    return load_bundle(shipped("policies") / "pacific")


def alerts_of(count: int, labels: int, seed: int = 0) -> Iterable[tuple[str, bytes, bytes]]:
    """Yield (originator, key, framed alert) of about 1.4 kB each."""
    community = pacific().community
    at = datetime.now(UTC) - timedelta(hours=1)
    cast = Cast(community.units.values(), community.feeds.values())
    return bench_alerts(count, cast=cast, at=at, labels=labels, seed=seed)


def decider_of(folder: Path, feeds: int, rules: int, *, released: int | None = None) -> Decider:
    """Return a decider of a community made for the benchmark.

    Args:
        folder: Where its files are written.
        feeds: Feeds in all.
        rules: Rules in all; all but three can never match.
        released: Feeds that receive; all if None.
    """
    source = shipped("policies") / "pacific"
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "schema.cedarschema").write_text((source / "schema.cedarschema").read_text())
    community = (source / "community.toml").read_text().partition("[[feeds]]")[0]
    originators = pacific().community.publishers()
    lines = ["[[communities]]", 'id = "bench"', 'name = "Benchmark"', ""]
    lines += ["[[organisations]]", 'id = "bench-body"', 'name = "Benchmark"', 'kind = "TCU"', ""]
    for originator in originators:
        lines += _unit(originator, publishes=True)
    receivers = feeds if released is None else released
    for number in range(feeds):
        lines += _unit(f"desk-{number}", publishes=False, receives=number < receivers)
        lines += ["[[feeds]]", f'id = "desk-{number}-feed"', f'unit = "desk-{number}"']
        lines += ['purpose = "INVESTIGATE"', ""]
    assert community
    (folder / "community.toml").write_text("\n".join(lines))
    (folder / "rules" / "bench.cedar").write_text(_rules(rules))
    return Decider(load_bundle(folder))


def _unit(name: str, *, publishes: bool, receives: bool = False) -> list[str]:
    duties = '["child-protection"]' if receives else "[]"
    return [
        "[[units]]",
        f'id = "{name}"',
        f'name = "{name}"',
        'organisation = "bench-body"',
        'kind = "TCU"',
        'country = "FJ"',
        f"duties = {duties}",
        f"publishes = {str(publishes).lower()}",
        "",
    ]


def _rules(count: int) -> str:
    everything = 'action in Lali::Action::"everything"'
    some = (
        'action in [Lali::Action::"receive", Lali::Action::"see_circumstances",'
        ' Lali::Action::"see_suspects"]'
    )
    reads = (
        'resource.urgency != "PAST" && resource.severity != "MINOR" && '
        'resource.certainty != "UNLIKELY"'
    )
    rules = [
        f'@id("permit") permit (principal, {some}, resource) when {{ '
        f'principal.duties.contains("child-protection") && resource.tlp != "RED" }};',
        f'@id("red") forbid (principal, {everything}, resource) when {{ resource.tlp == "RED" }};',
        f'@id("reads") forbid (principal, {everything}, resource) when {{ '
        f'resource.status == "UNKNOWN" && {reads} }};',
    ]
    rules += [
        f'@id("never-{n}") forbid (principal, {everything}, resource) when {{ '
        f'resource.tlp == "UNKNOWN" && resource.originator.country == "X{n}" }};'
        for n in range(count - len(rules))
    ]
    return "\n".join(rules)


async def make_topics(connection: Connection, topics: Topics, decider: Decider) -> None:
    """Create every topic of the benchmark's community."""
    community = decider.bundle.community
    specs = topics.specs(community.publishers(), community.feeds)
    await apply_topics(connection, specs)


async def fill(
    connection: Connection,
    topic_of: "dict[str, str] | str",
    alerts: Iterable[tuple[str, bytes, bytes]],
) -> int:
    """Write *alerts* to one topic, or to each originator's; return how many."""
    producer = idempotent_producer(connection)
    await producer.start()
    count = 0
    futures = []
    for originator, key, value in alerts:
        topic = topic_of if isinstance(topic_of, str) else topic_of[originator]
        headers = [intake_header(0, count)]
        sent = await producer.send(topic, value, key=key, partition=0, headers=headers)
        futures.append(sent)
        count += 1
        if len(futures) >= 5000:
            for future in futures:
                await future
            futures.clear()
    for future in futures:
        await future
    await producer.stop()
    return count


def feeds_of(decider: Decider) -> list[Feed]:
    """Return the feeds of a benchmark community."""
    return list(decider.bundle.community.feeds.values())
