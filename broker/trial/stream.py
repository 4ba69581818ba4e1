"""The stream of a trial: simulated alerts, published in order, each with what it must become."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from typing import Self

from broker.audit.balance import Position
from broker.simulate.cast import Community
from broker.simulate.scenario import Scenario, Step, past_start
from broker.wire.connection import Connection
from broker.wire.sender import Sender
from broker.wire.topics import Topics

_ALERTS_A_SCENARIO = 50
_DAYS = 3


@dataclass(frozen=True, slots=True)
class Published:
    """One step, and where it lies."""

    step: Step
    position: Position


class Stream:
    """Publishes steps without end: short scenarios, one after the other, each with poison.

    Attributes:
        published: What was published, in order.
    """

    def __init__(
        self, connection: Connection, topics: Topics, community: Community, seed: int
    ) -> None:
        self._sender = Sender(connection)
        self._topics = topics
        self._steps = _endless(community, seed)
        self.published: list[Published] = []

    async def __aenter__(self) -> Self:
        await self._sender.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sender.stop()

    async def publish(self, steps: int) -> None:
        """Publish the next *steps*, and return when all are written."""
        sent = []
        for step in islice(self._steps, steps):
            topic = self._topics.intake(step.originator)
            sent.append((step, await self._sender.begin(topic, step.key, step.value)))
            await asyncio.sleep(0)
        for step, written in sent:
            place = await written
            topic = self._topics.intake(step.originator)
            position = (topic, place.partition, place.offset)
            self.published.append(Published(step, position))


def _endless(community: Community, seed: int) -> Iterator[Step]:
    start = past_start(datetime.now(UTC), _DAYS)
    for number in count():
        yield from Scenario(
            seed=seed * 1000 + number,
            alerts=_ALERTS_A_SCENARIO,
            community=community,
            start=start,
            days=_DAYS,
        )
