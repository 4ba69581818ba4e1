"""A trial as a whole: the topics, the crew, the stream and the partners of one."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.app import PIPELINE, Parts, make_parts
from broker.demo.partners import WebhookDesk
from broker.errors import KafkaUnavailable
from broker.settings import Settings
from broker.trial.partners import Partners
from broker.trial.roles import Crew
from broker.trial.stream import Stream
from broker.trial.verdict import Judgement, judge, wait_until_complete
from broker.wire.admin import committed_offsets
from broker.wire.topics import Topics

_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Trial:
    """One trial under way.

    Attributes:
        parts: What the roles are built from, seen from here.
        crew: The processes.
        stream: What is published.
        partners: Who receives through a connector; None where nobody delivers.
    """

    parts: Parts
    crew: Crew
    stream: Stream
    partners: Partners | None

    async def position(self, role: str) -> int:
        """Return the sum of the offsets that *role* has committed, over all it reads."""
        topics = self.parts.topics
        groups = {"accept": [topics.accept_group()], "route": [topics.route_group()]}
        if self.partners:
            groups["deliver"] = [topics.deliver_group(feed) for feed in self.partners.feeds]
        connection = self.parts.connection("trial")
        try:
            found = [await committed_offsets(connection, group) for group in groups[role]]
        except KafkaUnavailable:
            return 0  # no group has committed anything yet
        return sum(sum(offsets.values()) for offsets in found)

    async def until_past(self, role: str, position: int) -> None:
        """Wait until *role* has committed more than *position*.

        Raises:
            TimeoutError: It does not come to work.
        """
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while await self.position(role) <= position:  # noqa: ASYNC110 - asked of Kafka
                await asyncio.sleep(_POLL_SECONDS)

    async def judgement(self) -> Judgement:
        """Wait until everything has come to its end, stop the crew, and judge what it left.

        Who still works would write while the books are read, and be found guilty of it.
        """
        published = self.stream.published
        began = time.monotonic()
        await wait_until_complete(self.parts, published, self.partners, _PATIENCE_SECONDS)
        await asyncio.to_thread(self.crew.stop)
        found = await judge(self.parts, published, self.partners)
        found.figures["seconds_to_judge"] = round(time.monotonic() - began)
        return found


@asynccontextmanager
async def trial(
    servers: str,
    topics: Topics,
    folder: Path,
    *,
    seed: int,
    session_timeout_ms: int,
    deliver: bool = True,
    replication: int = 1,
) -> AsyncIterator[Trial]:
    """Make the topics and the partners; at the end, stop every process.

    Args:
        servers: The cluster.
        topics: Their names.
        folder: For logs and for what partners receive.
        seed: Names the stream.
        session_timeout_ms: How soon a silent role is replaced.
        deliver: Whether there are partners.
        replication: Copies of every topic.
    """
    desk = WebhookDesk()
    await desk.start()
    partners = Partners(folder, desk) if deliver else None
    environment = {
        "LALI_BOOTSTRAP_SERVERS": servers,
        "LALI_TOPIC_PREFIX": topics.prefix,
        "LALI_PARTITIONS": str(topics.partitions),
        "LALI_REPLICATION": str(replication),
        "LALI_SESSION_TIMEOUT_MS": str(session_timeout_ms),
        "LALI_SETTINGS": os.devnull,
    }
    if partners:
        environment["LALI_CONNECTORS"] = str(partners.write_connectors())
    crew = Crew(environment, folder)
    try:
        parts = make_parts(_settings(servers, topics, replication))
        await parts.apply_topics()
        connection = parts.connection("stream")
        async with Stream(connection, parts.topics, parts.community, seed) as stream:
            yield Trial(parts, crew, stream, partners)
    finally:
        await asyncio.to_thread(crew.stop)
        await desk.stop()


def _settings(servers: str, topics: Topics, replication: int) -> Settings:
    return Settings(
        bootstrap_servers=servers,
        topic_prefix=topics.prefix,
        partitions=topics.partitions,
        replication=replication,
    )


def start_all(crew: Crew) -> None:
    """Start one process for each stage of the pipeline."""
    for role in PIPELINE:
        crew.start(role)
