"""How far each role is behind, as its consumer groups stand in Kafka."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import Gauge

from broker.metrics.registry import REGISTRY

_LAG = Gauge(
    "lali_lag_records", "Records that wait for the role, transaction markers among them.",
    ["role", "topic"], registry=REGISTRY,
)  # fmt: skip
_OLDEST = Gauge(
    "lali_lag_seconds", "Age of the oldest record that waits for the role; 0 if none does.",
    ["role", "topic"], registry=REGISTRY,
)  # fmt: skip
_FEED = Gauge(
    "lali_feed_undelivered_records", "Records of the feed that wait to be delivered.", ["feed"],
    registry=REGISTRY,
)  # fmt: skip
_FEED_OLDEST = Gauge(
    "lali_feed_oldest_undelivered_seconds",
    "Age of the feed's oldest release that is not delivered; 0 if there is none.", ["feed"],
    registry=REGISTRY,
)  # fmt: skip
_ASKED = Gauge(
    "lali_lag_asked_timestamp_seconds", "When Kafka last said how far the role is behind.",
    ["role"], registry=REGISTRY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one role in one topic.

    Attributes:
        topic: Kind of topic: intake, alerts or feed.
        feed: The feed, where it is one's topic.
        records: How many wait.
        oldest_ms: When the oldest of them was written, epoch ms; None if none waits.
    """

    topic: str
    feed: str | None
    records: int
    oldest_ms: int | None


def show_lag(role: str, found: Iterable[Waiting], clock: Callable[[], float] = time.time) -> None:
    """Show what waits for *role*; ages go on growing until the next time.

    Args:
        role: The role.
        found: All that waits for it.
        clock: Epoch seconds.
    """
    by_topic: dict[str, list[Waiting]] = {}
    for each in found:
        by_topic.setdefault(each.topic, []).append(each)
        if each.feed is not None:
            _FEED.labels(each.feed).set(each.records)
            _FEED_OLDEST.labels(each.feed).set_function(_age([each], clock))
    for topic, group in by_topic.items():
        _LAG.labels(role, topic).set(sum(each.records for each in group))
        _OLDEST.labels(role, topic).set_function(_age(group, clock))
    _ASKED.labels(role).set(clock())


def _age(waiting: list[Waiting], clock: Callable[[], float]) -> Callable[[], float]:
    oldest = min((each.oldest_ms for each in waiting if each.oldest_ms is not None), default=None)
    if oldest is None:
        return lambda: 0.0
    return lambda: max(0.0, clock() - oldest / 1000)
