"""Build every part from settings, start them and stop them; alone knows all parts."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import structlog

from broker.agreement import Agreed, require_partitions
from broker.connector import Connector
from broker.errors import RoleEnded, SettingsInvalid
from broker.keys import make_protection
from broker.pipeline.accept import Accept
from broker.pipeline.breaker import DEFAULT_PATIENCE, Patience
from broker.pipeline.deliver import Deliver
from broker.pipeline.preconditions import Preconditions
from broker.pipeline.protection import Protection
from broker.pipeline.router import Router
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.decide import Decider
from broker.policy.directory import Directory, with_connectors
from broker.settings import Settings
from broker.wire import access
from broker.wire.access import Access
from broker.wire.admin import apply_topics
from broker.wire.cluster_clock import ClusterClock
from broker.wire.connection import Connection
from broker.wire.identity import ADMIN, connection_as
from broker.wire.topic_settings import Difference, differences, mend
from broker.wire.topics import Topics, TopicSpec
from connectors import make_connector

log = structlog.get_logger()

#: The stages of the pipeline, each a role.
PIPELINE = ("accept", "route", "deliver")
ROLES = (*PIPELINE, "gateway")

#: As which role's principal each part of Lali connects; the others are the administrator's.
_PRINCIPAL_OF = {
    "accept": access.ACCEPT,
    "route": access.ROUTE,
    "deliver": access.DELIVER,
    "audit": access.AUDIT,
    "trace": access.AUDIT,
    "flows": access.AUDIT,
    "topics": access.TOPICS,
    "officer": access.OFFICER,
    "gateway": access.GATEWAY,
}


class Role(Protocol):
    """A part that runs until it is stopped."""

    async def run(self) -> None:
        """Run."""

    def stop(self) -> None:
        """Ask it to end."""


@dataclass(frozen=True)
class Parts:
    """What roles are built from."""

    settings: Settings
    bundle: Bundle
    community: Directory
    topics: Topics
    decider: Decider

    @cached_property
    def protection(self) -> Protection | None:
        """The keys of this deployment, or None where protection is off.

        Who only reads what is not sealed, such as the audit log, needs none.

        Raises:
            SettingsInvalid: There are none, or two officers did not agree to them or the
                bundle.
        """
        return make_protection(self.settings, self.bundle, self.community)

    @property
    def is_protected(self) -> bool:
        """Whether alerts must be signed and sealed."""
        return self.settings.protection != "off"

    def connection(self, role: str) -> Connection:
        """Return how *role* reaches the cluster, as its own principal where there are several.

        Raises:
            SettingsInvalid: No cluster is known, or its credentials are missing.
        """
        principal = ADMIN  # whoever judges or searches everything
        if role in _PRINCIPAL_OF:
            principal = self.principals().role(_PRINCIPAL_OF[role])
        return connection_as(self.settings, f"lali-{role}", principal)

    def cluster_clock(self, role: str) -> ClusterClock:
        """Return what compares this machine's clock with the cluster's, for *role*."""
        tolerance = self.settings.clock_tolerance_seconds
        return ClusterClock(self.connection(role), self.topics, tolerance)

    def preconditions(self, role: str) -> Preconditions:
        """Return what must hold before *role* decides anything.

        Raises:
            SettingsInvalid: There are no keys, or the bundle is not in force.
        """
        protection, digest = self.protection, self.bundle.digest
        require = (lambda: protection.folder.require_bundle(digest)) if protection else None
        return Preconditions(self.cluster_clock(role), require)

    def connection_of(self, principal: str) -> Connection:
        """Return how *principal* reaches the cluster."""
        return connection_as(self.settings, f"lali-{principal}", principal)

    def principals(self) -> access.Principals:
        """Return the names of this community's principals."""
        return access.Principals(self.settings.topic_prefix)

    def rights(self) -> Access:
        """Return who may do what in this community's topics."""
        feeds = {feed.id: feed.unit for feed in self.community.listed.values()}
        publishers = tuple(self.community.publishers())
        units = tuple(sorted(self.community.units))
        return Access(self.topics, publishers, feeds, units, protected=self.is_protected)

    def specs(self) -> list[TopicSpec]:
        """Return every topic that this community needs."""
        feeds = list(self.community.listed)
        return self.topics.specs(
            self.community.publishers(),
            feeds,
            self.settings.replication,
            protected=self.is_protected,
        )

    def agreed(self, name: str, role: Role) -> Role:
        """Return *role*, called *name*, as one that compares partitions and protection first.

        The gateway serves before Kafka answers, so it does not wait: it ends when they differ.
        """
        waits, connection = name != "gateway", self.connection(name)
        protected = self.is_protected
        return Agreed(name, role, connection, self.topics, waits=waits, protected=protected)

    async def compare(self, role: str) -> None:
        """Make sure, as *role* connects, that the cluster counts partitions as is set here.

        Raises:
            SettingsInvalid: It has another number.
            KafkaUnavailable: It does not answer.
        """
        await require_partitions(self.connection(role), self.topics)

    async def apply_topics(self) -> list[str]:
        """Create the topics that are missing; return their names.

        Raises:
            SettingsInvalid: Those that are there have another number of partitions, or this hub
                requires protection, which is off here.
        """
        connection = self.connection("topics")
        await require_partitions(connection, self.topics, protected=self.is_protected)
        return await apply_topics(
            self.connection("topics"), self.specs(), self.settings.replication
        )

    async def topic_differences(self) -> list[Difference]:
        """Return how settings of existing topics differ from what they should be."""
        connection = self.connection("topics")
        return await asyncio.to_thread(differences, connection, self.specs())

    async def mend_topics(self) -> list[Difference]:
        """Set those settings, as the administrator; return what was set."""
        connection = connection_as(self.settings, "lali-topics", ADMIN)
        return await asyncio.to_thread(mend, connection, self.specs())


def make_parts(settings: Settings, overlay: dict[str, Any] | None = None) -> Parts:
    """Read the bundle and the connectors.

    Args:
        settings: The settings.
        overlay: The connector of each feed; the settings' file where it is None.

    Raises:
        BundleInvalid: The bundle cannot be used.
        SettingsInvalid: The connectors file cannot be read.
    """
    bundle = load_bundle(settings.bundle)
    chosen = settings.connector_overlay() if overlay is None else overlay
    community = with_connectors(bundle.community, chosen)
    topics = Topics(settings.topic_prefix, settings.partitions)
    return Parts(settings, bundle, community, topics, Decider(bundle))


def make_role(parts: Parts, role: str, patience: Patience = DEFAULT_PATIENCE) -> Role:
    """Return one role, ready to run.

    Raises:
        SettingsInvalid: There is no such role, or a connector's settings are wrong.
    """
    match role:
        case "accept":
            return make_accept(parts)
        case "route":
            return make_router(parts)
        case "deliver":
            return make_deliver(parts, patience)
        case "gateway":
            return make_gateway(parts)
        case _:
            raise SettingsInvalid(f"no role is called {role}: there are {', '.join(ROLES)}")


def make_accept(parts: Parts) -> Accept:
    """Return the role that accepts."""
    unsealer = parts.protection.unsealer() if parts.protection else None
    publishers = parts.community.publishers()
    return Accept(
        parts.connection("accept"),
        parts.topics,
        publishers,
        unsealer=unsealer,
        confirm=parts.preconditions("accept").confirm,
    )


def make_router(parts: Parts) -> Router:
    """Return the role that routes."""
    sealer = parts.protection.sealer if parts.protection else None
    return Router(
        parts.connection("route"),
        parts.topics,
        parts.decider.plan_known,
        new_sealer=sealer,
        confirm=parts.preconditions("route").confirm,
    )


def make_deliver(parts: Parts, patience: Patience = DEFAULT_PATIENCE) -> Deliver:
    """Return the role that delivers.

    Raises:
        SettingsInvalid: A connector's settings are wrong.
    """
    made = make_connectors(parts)
    protection = parts.protection
    openers = {feed: protection.opener(feed) for feed in made} if protection else None
    resealers = {feed: protection.resealer(feed) for feed in made} if protection else None
    return Deliver(
        parts.connection("deliver"),
        parts.topics,
        parts.decider,
        made,
        patience=patience,
        openers=openers,
        resealers=resealers,
        signer=protection.recalls() if protection else None,
        confirm=parts.preconditions("deliver").confirm,
    )


def make_gateway(parts: Parts) -> Role:
    """Return the role that serves HTTP.

    Raises:
        SettingsInvalid: Its certificates, identities or folder cannot be used.
    """
    # Late: what serves HTTP takes half a second to import, and most commands do not serve.
    from broker.gateway.identity.serving import server_options
    from broker.gateway.opening import open_doors
    from broker.gateway.server import Gateway

    doors = open_doors(
        parts.settings,
        parts.community,
        parts.topics,
        parts.decider,
        parts.protection,
        parts.connection("gateway"),
        preconditions=parts.preconditions("gateway"),
    )
    return Gateway(doors, server_options(parts.settings))


def make_connectors(parts: Parts) -> dict[str, Connector]:
    """Return the connector of every feed that has one.

    Raises:
        SettingsInvalid: A connector's settings are wrong.
    """
    return {
        feed.id: make_connector(feed.connector.type, feed.connector.settings, feed.id)
        for feed in parts.community.listed.values()
        if feed.connector is not None
    }


async def run_roles(
    roles: Sequence[Role],
    until: Callable[[], Awaitable[None]] | None = None,
    asked_to_stop: Callable[[], None] = lambda: None,
) -> None:
    """Run *roles* together until *until* ends, a signal comes, or one of them ends.

    Args:
        roles: What runs.
        until: Ends the run.
        asked_to_stop: Called at a signal, whatever the event loop is doing.

    Raises:
        RoleEnded: A role returned though nobody asked it to.
        Exception: Whatever ended a role; the others are stopped first.
    """
    stopping = asyncio.Event()
    before = _on_signals(stopping, asked_to_stop)
    tasks = [asyncio.ensure_future(role.run()) for role in roles]
    ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(stopping.wait())]
    if until is not None:
        ends.append(asyncio.ensure_future(until()))
    try:
        done, _ = await asyncio.wait([*tasks, *ends], return_when=asyncio.FIRST_COMPLETED)
        for role in roles:
            role.stop()
        await asyncio.wait(tasks, timeout=20)
        for each in done:
            each.result()
        if not done & set(ends):
            # Whoever keeps processes running must learn that this one did not mean to end.
            raise RoleEnded("a role ended by itself: start it again")
    finally:
        for each in (*tasks, *ends):
            each.cancel()
        await asyncio.gather(*tasks, *ends, return_exceptions=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def _on_signals(stopping: asyncio.Event, told: Callable[[], None]) -> dict[signal.Signals, Any]:
    """Have signals set *stopping*; return the handlers of before.

    A handler of the loop's would wait for the loop: this one also runs where the loop is held up
    by a call that a signal interrupts.
    """
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        told()
        loop.call_soon_threadsafe(stopping.set)

    return {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
