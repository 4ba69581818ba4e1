"""Publish alerts of one unit."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self
from uuid import UUID

from broker.client.encoding import AlertEncoder
from broker.client.salts import KEY_BYTES
from broker.errors import KafkaUnavailable, KeyEnded, Rejected, SettingsInvalid
from broker.model.alert import Alert
from broker.pipeline.content_check import check_content
from broker.pipeline.seal import OriginatorSeal
from broker.wire.connection import Connection
from broker.wire.protected import require_unprotected
from broker.wire.sender import Sender
from broker.wire.topics import Topics

#: How many alerts of a batch are under way at once.
CONCURRENCY = 64


State = Literal["published", "spooled", "journaled"]


@dataclass(frozen=True, slots=True)
class Published:
    """Proof that Kafka has an alert on every in-sync replica; policy has not decided yet.

    Attributes:
        partition: Where it lies in its intake topic; None over HTTP.
        offset: The same.
        state: Only over HTTP it may be another. ``spooled``: the gateway has it on its disk;
            ``journaled``: this machine has, and sends it when the gateway answers.
    """

    alert_id: UUID
    revision: int
    partition: int | None = None
    offset: int | None = None
    state: State = "published"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one alert of a batch.

    Attributes:
        published: Where it lies; None if it was not published.
        error: Why it was not: `Rejected` for good; for now `KafkaUnavailable`, or `KeyEnded`.
    """

    alert: Alert
    published: Published | None = None
    error: Rejected | KafkaUnavailable | KeyEnded | None = None


class Publisher:
    """Publishes alerts of one unit; an async context manager.

    Args:
        connection: The cluster.
        originator: Id of the unit. Its alerts go to its own topic, which is the
            authenticated sender: only this unit may write there.
        topics: Names of topics, where they have a prefix.
        salt_key: 32 secret bytes. With the same key, an alert that is published twice is
            recognised as a duplicate, also across processes. Random if not given.
        seal: Signs and seals before anything leaves this process.
        unprotected: Say that the hub's protection is off. Alerts then go without a seal. The
            cluster is asked whether that is so, before anything is sent: elsewhere accept would
            quarantine every one of them, and nobody would learn of it here.

    Raises:
        SettingsInvalid: Neither a seal, nor said that none is wanted.

    Example:
        seal = client_protection(load_settings()).originator("fiji-immigration")
        async with Publisher(connection, "fiji-immigration", seal=seal) as publisher:
            published = await publisher.publish(alert)
    """

    def __init__(
        self,
        connection: Connection,
        originator: str,
        *,
        topics: Topics | None = None,
        salt_key: bytes | None = None,
        seal: OriginatorSeal | None = None,
        unprotected: bool = False,
    ) -> None:
        if seal is None and not unprotected:
            raise SettingsInvalid(
                "SIGNATURE_MISSING: a publisher without seal: the hub would quarantine each of its "
                "alerts; give seal=client_protection(load_settings()).originator(unit), or say "
                "unprotected=True where the hub's protection is off"
            )
        self.originator = originator
        self._topics = topics or Topics()
        self._topic = self._topics.intake(originator)
        self._open_to = connection if seal is None else None
        self._sender = Sender(connection)
        self._encoder = AlertEncoder(originator, salt_key or os.urandom(KEY_BYTES), seal)

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            KafkaUnavailable: No broker answers.
            Rejected: ORIGINATOR_UNKNOWN: there is no topic for this unit.
            SettingsInvalid: SIGNATURE_MISSING: without a seal, and this hub requires protection.
            KafkaRefused: Without a seal, and it may not be seen whether the hub requires one.
        """
        await self._sender.start()
        try:
            await self._sender.require(self._topic)
            if self._open_to is not None:
                await require_unprotected(self._open_to, self._topics)
        except BaseException:
            await self._sender.stop()
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Send what is waiting and disconnect."""
        await self._sender.stop()

    async def publish(self, alert: Alert, *, confirm_warnings: bool = False) -> Published:
        """Send *alert*, and return once every in-sync replica has it.

        Args:
            alert: What is published.
            confirm_warnings: What its warnings show is meant: a name that a victim has, too,
                stands outside `victims`, or the label knows an age better than the content.

        After `KafkaUnavailable` the alert may or may not have been written. Publish it again
        with this publisher or one with the same key: the pipeline takes it once.

        Raises:
            Unconfirmed: It has warnings that must be confirmed; nothing was sent.
            Rejected: Its content must not be, ORIGINATOR_DIFFERS or OVERSIZED, before anything
                is sent.
            KeyEnded: The unit's or the hub's key has ended; nothing was sent, and the alert is
                to be published again once there is a next one.
            KafkaUnavailable: Kafka did not answer in time.
        """
        label = alert.label
        value = self._encoder.encode(alert)
        check_content(alert, confirmed=confirm_warnings)
        sent = await self._sender.send(self._topic, str(label.alert_id).encode(), value)
        return Published(label.alert_id, label.revision, sent.partition, sent.offset)

    async def publish_all(
        self, alerts: Iterable[Alert], *, confirm_warnings: bool = False
    ) -> AsyncIterator[Attempt]:
        """Publish *alerts* and yield what became of each, in their order.

        One that is refused stops none of the others. Revisions of one alert keep their order.
        """
        under_way: deque[tuple[UUID, asyncio.Task[Attempt]]] = deque()
        latest: dict[UUID, asyncio.Task[Attempt]] = {}
        for alert in alerts:
            alert_id = alert.label.alert_id
            attempt = self._attempt(alert, latest.get(alert_id), confirmed=confirm_warnings)
            task = asyncio.create_task(attempt)
            latest[alert_id] = task
            under_way.append((alert_id, task))
            if len(under_way) >= CONCURRENCY:
                yield await _next(under_way, latest)
        while under_way:
            yield await _next(under_way, latest)

    async def _attempt(
        self, alert: Alert, earlier: asyncio.Task[Attempt] | None, *, confirmed: bool
    ) -> Attempt:
        if earlier is not None:
            await earlier
        try:
            return Attempt(alert, published=await self.publish(alert, confirm_warnings=confirmed))
        except (Rejected, KafkaUnavailable, KeyEnded) as error:
            return Attempt(alert, error=error)


async def _next(
    under_way: deque[tuple[UUID, asyncio.Task[Attempt]]], latest: dict[UUID, asyncio.Task[Attempt]]
) -> Attempt:
    alert_id, task = under_way.popleft()
    attempt = await task
    if latest.get(alert_id) is task:
        del latest[alert_id]
    return attempt
