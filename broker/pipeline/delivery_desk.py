"""What the deliveries of all feeds share, and how each of them is doing."""

from collections.abc import Callable
from dataclasses import dataclass

from broker.pipeline.breaker import Patience
from broker.pipeline.holdings import Holdings
from broker.pipeline.preconditions import Confirm, unchecked
from broker.policy.decide import Decider
from broker.wire.bounded_producer import Producer
from broker.wire.connection import Connection
from broker.wire.topics import Topics


@dataclass(slots=True)
class FeedStatus:
    """How a feed is doing.

    Attributes:
        state: delivering, waiting (recipient unavailable), open (breaker), paused.
        oldest_waiting_ms: When the release that waits was written, epoch ms, or None.
    """

    state: str = "delivering"
    delivered: int = 0
    not_delivered: int = 0
    dead_lettered: int = 0
    oldest_waiting_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What the deliveries of all feeds share."""

    connection: Connection
    topics: Topics
    decider: Decider
    clock: Callable[[], int]
    patience: Patience
    holdings: Holdings
    producer: Producer
    confirm: Confirm = unchecked
