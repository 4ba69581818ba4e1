"""What only the cluster can say: it answers, clocks agree, topics are right, what waits where."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import closing

from broker.agreement import require_partitions
from broker.app import Parts
from broker.clock import epoch_ms
from broker.doctor.finding import Finding, fine, not_looked, soon, wrong
from broker.errors import ClockWrong, KafkaRefused, KafkaUnavailable, SettingsInvalid
from broker.pipeline.vault_ledger import compare
from broker.wire.admin import committed_offsets, list_topics
from broker.wire.connection import Connection
from broker.wire.tail import partitions_of, written_end
from broker.wire.topic_settings import differences
from broker.wire.welcome import require_welcome

#: As much may wait for a role while alerts come; more is told.
_MUCH_WAITS = 1_000
_TOLD_AT_MOST = 5


async def look_at_cluster(parts: Parts) -> AsyncIterator[Finding]:
    """Yield what is found by asking Kafka; one that does not answer is the one finding."""
    try:
        connection = parts.connection("doctor")
        await require_welcome(connection)
    except (KafkaUnavailable, SettingsInvalid) as away:
        yield wrong("Kafka", "KAFKA_UNAVAILABLE", str(away), "start it: `lali up`, or your brokers")
        return
    yield fine("Kafka", "It answers and lets us in.")
    for look in (_partitions, _topics, _clock, _lag, _vault):
        async for finding in _looked(look(parts, connection), look.__name__.strip("_")):
            yield finding


async def _looked(look: AsyncIterator[Finding], subject: str) -> AsyncIterator[Finding]:
    try:
        async for finding in look:
            yield finding
    except (KafkaRefused, KafkaUnavailable, SettingsInvalid) as fault:
        advice = "ask as the administrator, or when the cluster is well"
        yield not_looked(subject, "NOT_SEEN", str(fault), advice)


async def _partitions(parts: Parts, connection: Connection) -> AsyncIterator[Finding]:
    try:
        await require_partitions(connection, parts.topics)
    except SettingsInvalid as differ:
        yield wrong(
            "partitions", "PARTITIONS_DIFFER", str(differ), "set LALI_PARTITIONS as it says"
        )
        return
    yield fine("partitions", f"Topics have {parts.topics.partitions}, as set.")


async def _topics(parts: Parts, connection: Connection) -> AsyncIterator[Finding]:
    there, specs = await list_topics(connection), parts.specs()
    missing = sorted(spec.name for spec in specs if spec.name not in there)
    if missing:
        says = f"{len(missing)} topics are missing: {_some(missing)}."
        yield wrong("topics", "TOPICS_MISSING", says, "`lali topics apply`")
    present = [spec for spec in specs if spec.name in there]
    found = await asyncio.to_thread(differences, connection, present)
    if found:
        says = f"Settings differ: {_some(map(str, found))}."
        yield wrong("topics", "TOPICS_DIFFER", says, "`lali topics apply --mend`")
    if not missing and not found:
        yield fine("topics", f"All {len(specs)} are there, with their settings.")


async def _clock(parts: Parts, _connection: Connection) -> AsyncIterator[Finding]:
    try:
        await parts.cluster_clock("doctor").confirm()
    except ClockWrong as differs:
        code = str(differs).partition(":")[0]
        yield wrong("clock", code, str(differs), "set the clock that is wrong (NTP), then wait")
        return
    yield fine("clock", "This machine's clock is the cluster's.")


async def _lag(parts: Parts, connection: Connection) -> AsyncIterator[Finding]:
    topics, community = parts.topics, parts.community
    reads = [
        ("accept", topics.accept_group(), [topics.intake(u) for u in community.publishers()]),
        ("route", topics.route_group(), [topics.alerts]),
    ]
    reads += [
        (f"deliver to {feed.id}", topics.deliver_group(feed.id), [topics.feed(feed.id)])
        for feed in community.listed.values()
        if feed.connector is not None
    ]
    much = []
    for role, group, names in reads:
        waits = await _waits(connection, group, names)
        if waits > _MUCH_WAITS:
            much.append(f"{waits:,} records wait for {role}")
    if much:
        advice = "does the role run? is its recipient there? its log, `lali feed retry FEED`"
        yield soon("lag", "MUCH_WAITS", f"{_some(much)}.", advice)
    else:
        yield fine("lag", f"Nowhere do more than {_MUCH_WAITS:,} records wait.")


async def _waits(connection: Connection, group: str, names: list[str]) -> int:
    committed = await committed_offsets(connection, group)
    ends = {
        each: await written_end(connection, each) for each in await partitions_of(connection, names)
    }
    return sum(max(0, end - committed.get(each, 0)) for each, end in ends.items())


async def _vault(parts: Parts, connection: Connection) -> AsyncIterator[Finding]:
    if parts.protection is None:
        return
    with closing(parts.protection.folder.vault) as vault:
        apart = await compare(connection, parts.topics, vault, epoch_ms())
    if apart.missing:
        says = f"Of {apart.alerts} living alerts the vault has no key of {apart.missing}."
        advice = (
            "restore the vault (`lali restore ARCHIVE --keys KEYS`); nothing is ended meanwhile"
        )
        yield wrong("vault", "VAULT_APART", says, advice)
        return
    yield fine("vault", f"It has the key of each of {apart.alerts} living alerts.")


def _some(texts: Iterable[str]) -> str:
    told = list(texts)
    more = f" and {len(told) - _TOLD_AT_MOST} more" if len(told) > _TOLD_AT_MOST else ""
    return "; ".join(told[:_TOLD_AT_MOST]) + more
