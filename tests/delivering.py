"""What tests of deliver share: alerts routed on a real Kafka, and a partner that is told."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer

from broker.audit.log import AuditLog, read_audit
from broker.connector import Connector
from broker.model.alert import Alert
from broker.model.decision import Verdict
from broker.model.release import Receipt, Release, ReleaseView
from broker.pipeline.accepted import intake_header
from broker.pipeline.breaker import Patience
from broker.pipeline.deliver import Deliver
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider, view_of
from broker.policy.facts import Facts
from broker.resources import shipped
from broker.testing import alert_id_of, make_alert
from broker.wire import codec
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import decode_release, encode_alert
from broker.wire.connection import Connection
from broker.wire.partition import partition_of
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

#: Feeds that receive the alert of `broker.testing`, and one that is another unit's.
FEED, OTHER = "ptccc-coordinate", "fiji-tcu-investigate"
ALERT = alert_id_of(1)
SOON = Patience(first_seconds=0.01, longest_seconds=0.05, failures_to_open=3, open_seconds=0.1)
PACIFIC = shipped("policies") / "pacific"
_LIMIT_SECONDS = 90


class Partner:
    """A connector that does what it is told, and keeps what it took.

    Attributes:
        says: What to raise next, in order; None takes the release.
        always: What to raise once nothing more is told.
        judge: Asked of each release when nothing is told: what to raise of it, or None.
    """

    def __init__(self, *says: Exception | None, always: Exception | None = None) -> None:
        self.says = list(says)
        self.always = always
        self.judge: Callable[[Release], Exception | None] = lambda _release: None
        self.taken: list[ReleaseView] = []
        self.keys: list[str] = []
        self.attempts = 0
        self.feed = ""

    async def open(self) -> None:
        pass

    async def deliver(self, release: Release) -> Receipt:
        self.attempts += 1
        fault = self.says.pop(0) if self.says else self.always or self.judge(release)
        if fault is not None:
            raise fault
        self.taken.append(decode_release(release.value))
        self.keys.append(release.idempotency_key(FEED))
        now = datetime.now(UTC)
        return Receipt(FEED, release.alert_id, release.revision, release.kind, now, "TAKEN")

    async def close(self) -> None:
        pass

    def seen(self) -> list[tuple[int, str]]:
        return [(view.revision, view.kind.value) for view in self.taken]


class Region:
    """Lali's topics on a real Kafka, with route and deliver run as a test needs them."""

    def __init__(self, connection: Connection, topics: Topics) -> None:
        self.connection = connection
        self.topics = topics
        self.decider = Decider(load_bundle(PACIFIC))
        self._published = 0

    async def prepare(self) -> None:
        # Only those that the alert of `broker.testing` needs: a small Kafka tires of topics.
        plan = self.decider.plan(
            view_of(make_alert().label, make_alert().distribution),
            Facts(expired=False, embargoed=False),
        )
        feeds = [
            each.feed for group in plan.groups for each in group.recipients
            if group.outcome.verdict is Verdict.RELEASE
        ]  # fmt: skip
        assert {FEED, OTHER} <= set(feeds)
        specs = self.topics.specs([], feeds)
        kept = [s for s in specs if "dead-letter" not in s.name or FEED in s.name]
        await apply_topics(self.connection, kept)

    async def route(self, *alerts: Alert) -> None:
        """Write *alerts* as accept does, and route them."""
        async with producing(self.connection) as producer:
            for alert in alerts:
                key = str(alert.label.alert_id).encode()
                partition = partition_of(key, self.topics.partitions)
                header = intake_header(partition, self._published)
                self._published += 1
                await producer.send_and_wait(
                    self.topics.alerts, encode_alert(alert), key=key, partition=partition,
                    headers=[header],
                )  # fmt: skip
        router = Router(self.connection, self.topics, self.decider.plan)
        async with running(router):
            await until(lambda: router.routed >= len(alerts))

    @asynccontextmanager
    async def delivering(
        self, partners: Mapping[str, Connector], *, decider: Decider | None = None, **more: Any
    ):
        """Run deliver for *partners*."""
        settings = {"patience": SOON} | more
        role = Deliver(self.connection, self.topics, decider or self.decider, partners, **settings)
        async with running(role):
            yield role

    async def audit(self) -> AuditLog:
        return await read_audit(self.connection, self.topics)

    async def ends(self, feed: str = FEED) -> list[tuple[str, int, str | None]]:
        """Return what the audit log says became of the releases of *feed*, in order."""
        log = await self.audit()
        kinds = ("DELIVERED", "NOT_DELIVERED", "DEAD_LETTERED")
        return [(e.kind, e.revision, e.reason) for e in log.of(*kinds) if e.feed == feed]

    async def recorded(self, count: int) -> None:
        """Wait until *count* ends of releases of the first feed are in the audit log."""
        async with asyncio.timeout(_LIMIT_SECONDS):
            while len(await self.ends()) < count:  # noqa: ASYNC110 - they lie in Kafka
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)  # the marks follow the entries

    async def dead_letters(self, feed: str = FEED) -> list[dict[str, Any]]:
        names = [self.topics.dead_letter(feed)]
        records = [record async for record in read_to_end(self.connection, names)]
        return [codec.decode_trusted(record.value, "dead-letter") for record in records]

    async def write(self, topic: str, key: bytes | None, value: bytes | None, partition: int):
        async with producing(self.connection) as producer:
            await producer.send_and_wait(topic, value, key=key, partition=partition)


def bundle_with(folder: Path, rule: str) -> Decider:
    """Return the decider of the Pacific bundle with one more rule."""
    shutil.copytree(PACIFIC, folder)
    (folder / "rules" / "added.cedar").write_text(rule)
    return Decider(load_bundle(folder))


def added(what: str, action: str) -> str:
    return (
        f'@id("added")\n@why("Added by a test.")\n@legal_basis("None")\n'
        f'{what} (principal, action in Lali::Action::"{action}", resource);\n'
    )


@asynccontextmanager
async def producing(connection: Connection):
    producer = AIOKafkaProducer(bootstrap_servers=connection.bootstrap_servers)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def running(role: Any):
    task = asyncio.create_task(role.run())
    try:
        yield task
    finally:
        role.stop()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, _LIMIT_SECONDS)


async def until(true: Callable[[], bool]) -> None:
    """Wait until *true* says so; fail loudly if it never does."""
    async with asyncio.timeout(_LIMIT_SECONDS):
        while not true():  # noqa: ASYNC110 - what is waited for lies in other processes
            await asyncio.sleep(0.02)


def alert_of(revision: int = 1, alert_id: UUID = ALERT, **label: Any) -> Alert:
    """Return an alert in some revision; later ones are updates unless *label* says otherwise."""
    kind = {} if revision == 1 else {"message_type": "UPDATE"}
    return make_alert(alert_id=alert_id, revision=revision, **(kind | label))


def cancel_of(revision: int, alert_id: UUID = ALERT) -> Alert:
    """Return the cancel of an alert."""
    return alert_of(revision, alert_id, message_type="CANCEL")
