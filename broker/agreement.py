"""Whether this process and the cluster agree on partitions, and on whether alerts are sealed.

An alert's partition follows from its id and the number of partitions. A process that counts
otherwise looks for it in the wrong place: a cancel would recall nobody. So no role starts before
it has compared, and no command reads the log, sets rights or follows a feed. A role without
protection where it is required would take what nobody has signed.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from broker.errors import KafkaRefused, KafkaUnavailable, SettingsInvalid
from broker.wire.connection import Connection
from broker.wire.tail import partitions_of
from broker.wire.topics import Topics

log = structlog.get_logger()

_AGAIN_SECONDS = 1.0


class Role(Protocol):
    """A part that runs until it is stopped."""

    async def run(self) -> None:
        """Run."""

    def stop(self) -> None:
        """Ask it to end."""


async def require_partitions(
    connection: Connection, topics: Topics, seen: Sequence[str] = (), *, protected: bool = True
) -> bool:
    """Check that the cluster has as many partitions as *topics* says; return whether it knows.

    What may not be seen, or is not there yet, says nothing: there is nothing to disagree with.

    Args:
        connection: As whoever asks.
        topics: What is set.
        seen: Topics keyed by alert that whoever asks may see, where it sees no others.
        protected: Whether this process has protection, or needs none.

    Raises:
        SettingsInvalid: It has another number, or requires protection.
        KafkaUnavailable: It does not answer.
    """
    asked = [topics.alerts, topics.ledger, topics.protected, *seen]
    found = await partitions_of(connection, asked)
    if not protected and any(each.topic == topics.protected for each in found):
        raise SettingsInvalid(
            "LALI_PROTECTION is off, and this hub requires protection (PROTECTION_DIFFERS): set it "
            f"to required; where it was switched off for good, delete the topic {topics.protected}"
        )
    found = [each for each in found if each.topic != topics.protected]
    counts = {topic: sum(each.topic == topic for each in found) for topic, _ in found}
    for topic, count in sorted(counts.items()):
        if count != topics.partitions:
            raise SettingsInvalid(
                f"LALI_PARTITIONS is {topics.partitions}, and {topic} has {count} partitions "
                f"(PARTITIONS_DIFFER): set LALI_PARTITIONS={count} for every process; the number "
                "is never changed once topics are made"
            )
    return bool(counts)


class Agreed:
    """A role that runs once the cluster has been found to agree.

    Args:
        name: What the role is called.
        role: The role.
        connection: As it connects.
        topics: Its topics.
        waits: Whether it runs only once they agree, or ends as soon as they differ.
        protected: Whether this process has protection.
    """

    def __init__(
        self,
        name: str,
        role: Role,
        connection: Connection,
        topics: Topics,
        *,
        waits: bool = True,
        protected: bool = True,
    ) -> None:
        self._protected = protected
        self._name = name
        self._waits = waits
        self._said: set[str] = set()
        self._role = role
        self._connection = connection
        self._topics = topics
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()
        self._role.stop()

    async def run(self) -> None:
        """Compare, wherever the cluster answers, and run.

        Raises:
            SettingsInvalid: The cluster has another number of partitions.
        """
        if self._waits:
            await self._compare()
            if not self._stopping.is_set():
                await self._role.run()
            return
        comparing, running = asyncio.create_task(self._compare()), asyncio.create_task(self._run())
        await asyncio.wait([comparing, running], return_when=asyncio.FIRST_EXCEPTION)
        if comparing.done() and (fault := comparing.exception()) is not None:
            self._role.stop()
            await asyncio.gather(running, return_exceptions=True)
            raise fault
        self._stopping.set()
        await asyncio.gather(comparing, running)

    async def _run(self) -> None:
        try:
            await self._role.run()
        finally:
            self._stopping.set()

    async def _compare(self) -> None:
        while not self._stopping.is_set():
            try:
                is_known = await require_partitions(
                    self._connection, self._topics, protected=self._protected
                )
                self._say_reached()
                if is_known:
                    return
                self._say("topics.missing", advice="`lali topics apply`; until then it waits")
            except KafkaRefused:
                return  # the role says in its own words what it may not do
            except KafkaUnavailable as away:
                self._say_away(away.code)
            await self._wait()

    def _say_away(self, code: str) -> None:
        if self._waits:  # else the role runs already, and says so itself
            self._say("kafka.awaited", code=code)

    def _say_reached(self) -> None:
        if "kafka.awaited" in self._said:
            self._said.discard("kafka.awaited")
            log.info("kafka.reached", role=self._name)

    def _say(self, event: str, **told: str) -> None:
        """Say once what is waited for."""
        if event not in self._said:
            self._said.add(event)
            log.warning(event, role=self._name, **told)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_AGAIN_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            return
