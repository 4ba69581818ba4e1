"""What the gateway's routes are given: the parts behind the doors."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import Request

from broker.client.encoding import AlertEncoder
from broker.errors import NotNow
from broker.gateway.cursor import Cursors
from broker.gateway.database import Database
from broker.gateway.disclosures import AuditWriter, Disclosures
from broker.gateway.ended_sessions import EndedSessions
from broker.gateway.gateway_secret import GatewaySecret
from broker.gateway.projection import Projection
from broker.gateway.publishing import PublishingDesk
from broker.gateway.repeats import Repeats
from broker.gateway.serve import Servings
from broker.gateway.shelf import Shelf
from broker.gateway.spool import Spool
from broker.gateway.standing import Standings
from broker.pipeline.holdings import Holdings
from broker.pipeline.preconditions import Preconditions
from broker.pipeline.protection import Protection
from broker.policy.decide import Decider
from broker.policy.directory import Directory
from broker.settings import Settings
from broker.wire.cluster_clock import CLOCK_UNKNOWN
from broker.wire.connection import Connection
from broker.wire.topics import Topics

if TYPE_CHECKING:
    from broker.gateway.identity.doorkeeper import Doorkeeper
    from broker.gateway.limits import Limiter


@dataclass(frozen=True)
class Doors:
    """The parts behind the doors of one gateway.

    Attributes:
        clock: Epoch milliseconds.
        preconditions: What must hold before anything is decided; None in tests.
        protection: Keys; None where protection is off.
        ended: Sessions of the form that were signed out, in all gateways of the folder.
        encoder_of: What encodes, signs and seals for a unit whose keys are here.
        stopping: Set when the gateway ends: streams end then.
    """

    settings: Settings
    community: Directory
    topics: Topics
    decider: Decider
    connection: Connection
    clock: Callable[[], int]
    preconditions: Preconditions | None
    protection: Protection | None
    database: Database
    holdings: Holdings
    projection: Projection
    shelf: Shelf
    servings: Servings
    disclosures: Disclosures
    audit: AuditWriter
    standings: Standings
    desk: PublishingDesk
    spool: Spool
    repeats: Repeats
    cursors: Cursors
    encoder_of: Callable[[str], AlertEncoder]
    doorkeeper: "Doorkeeper"
    limiter: "Limiter"
    secrets: GatewaySecret = field(repr=False)
    ended: EndedSessions
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.fromtimestamp(self.clock() / 1000, UTC)

    def lacks(self, feed: str) -> bool:
        """Whether nothing can be said of *feed*: it has no topic, or was not looked at so far."""
        is_missing = self.shelf.topic_of(feed) in self.projection.missing
        return is_missing or self.shelf.first(feed, 0) is None

    def not_now(self) -> NotNow | None:
        """Return why nothing may be decided now, or None."""
        return self.preconditions.fault() if self.preconditions else None

    def refuse_for_now(self) -> None:
        """Refuse to give times to what is published by a clock that is known to be wrong.

        Raises:
            ClockWrong: It differs from the cluster's. Where that is away, it is not known, and
                what is published may wait in the spool.
        """
        fault = self.preconditions.clock_fault() if self.preconditions else None
        if fault is not None and fault.code != CLOCK_UNKNOWN:
            raise fault

    def close(self) -> None:
        """Finish what is being written, and let go of the files."""
        for each in (self.database, self.spool, self.repeats):
            each.close()

    @property
    def is_ready(self) -> bool:
        """Whether ledger and feeds have been read to where they stood at the start."""
        return self.holdings.is_ready and self.projection.is_ready


def doors_of(request: Request) -> Doors:
    """Return the parts behind the door that *request* came to."""
    doors: Doors = request.app.state.doors
    return doors
