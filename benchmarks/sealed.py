"""What signatures and seals cost: publish, accept's share, route, and opening.

The same alerts, decisions and transactions as the plain route; only sealed. Keys are those
of a development key folder made for the run.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.backlog import alerts_of, make_topics
from broker.pipeline.accepted import intake_header, statement_header
from broker.pipeline.open_release import read_verified
from broker.pipeline.protection import Protection
from broker.policy.decide import Decider
from broker.protect.development import init_development
from broker.protect.key_folder import KeyFolder
from broker.protect.vault import Row
from broker.wire.alert_codec import decode_alert
from broker.wire.connection import Connection
from broker.wire.producer import idempotent_producer
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

_FOR_EVER = 1 << 52
_SECRET = bytes(32)


class Sealed(NamedTuple):
    """One alert as accept would hand it on."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    row: Row


class Costs:
    """CPU µs of what happens once an alert, by step."""

    def __init__(self) -> None:
        self._spent = {"seal": 0.0, "unseal": 0.0}
        self._count = 0

    def note(self, seal: float, unseal: float) -> None:
        """Add one alert."""
        self._spent["seal"] += seal
        self._spent["unseal"] += unseal
        self._count += 1

    def figures(self) -> dict[str, float]:
        """Return the mean of each step, CPU µs."""
        return {name: round(spent / self._count * 1e6, 1) for name, spent in self._spent.items()}


def protection_of(folder: Path, decider: Decider) -> Protection:
    """Return keys for a benchmark's community, in *folder*."""
    community = decider.bundle.community
    keys = KeyFolder(folder)
    feeds = list(community.feeds)
    init_development(keys, community.publishers(), feeds, decider.bundle.digest)
    return Protection(keys, {feed.id: feed.unit for feed in community.feeds.values()})


def sealed_alerts(
    protection: Protection, alerts: Iterable[tuple[str, bytes, bytes]], costs: Costs
) -> Iterator[Sealed]:
    """Seal and unseal *alerts* as publisher and accept do; note what each costs."""
    unsealer = protection.unsealer()
    for number, (originator, key, plain) in enumerate(alerts):
        alert = decode_alert(plain)
        seal = protection.originator(originator)
        began = time.process_time()
        value = seal.seal(plain, alert, _SECRET)
        between = time.process_time()
        opened = unsealer.open(value, originator)
        costs.note(between - began, time.process_time() - between)
        statement = opened.statement
        headers = [
            intake_header(0, number),
            statement_header(statement.digest, statement.distribution_commitment),
        ]
        assert opened.alert_key is not None
        row = Row(statement.digest, opened.alert_id, opened.alert_key, _FOR_EVER)
        yield Sealed(key, opened.forwarded, headers, row)


async def fill_sealed(
    connection: Connection, topics: Topics, decider: Decider, folder: Path, count: int, labels: int
) -> tuple[Protection, dict[str, float]]:
    """Write *count* sealed alerts as accept would, their keys in the vault."""
    await make_topics(connection, topics, decider)
    protection, costs, rows = protection_of(folder, decider), Costs(), []
    producer = idempotent_producer(connection)
    await producer.start()
    sent = []
    for sealed in sealed_alerts(protection, alerts_of(count, labels), costs):
        rows.append(sealed.row)
        future = await producer.send(
            topics.alerts, sealed.value, key=sealed.key, partition=0, headers=sealed.headers
        )
        sent.append(future)
    for future in sent:
        await future
    await producer.stop()
    protection.folder.vault.keep(rows)
    return protection, costs.figures()


async def open_cost(
    connection: Connection, topics: Topics, protection: Protection, feed: str, count: int
) -> tuple[float, int]:
    """Return CPU µs to open and verify one release of *feed*, and how many stand there."""
    values = [record.value async for record in read_to_end(connection, [topics.feed(feed)])]
    opener = protection.opener(feed)
    some = values[:count]
    began = time.process_time()
    for value in some:
        view = read_verified(value, opener)
        if view.sealed or not view.compartments.mask:
            raise RuntimeError("a release did not open")
    return (time.process_time() - began) / len(some) * 1e6, len(values)
