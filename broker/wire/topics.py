"""Every topic, group and transactional id of Lali: names, keys, partitions, retention.

No other module spells a topic's name. Keys are the alert's random id; names hold ids of
units and feeds only, which the community file keeps to lower case, digits and hyphens.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

DAY_MS = 86_400_000

#: Largest message a publisher may send, bytes. An alert itself is bounded lower; the margin
#: lets an oversized one arrive, and be quarantined with a reason, where the broker would
#: have refused it without a trace.
INTAKE_BYTES = 1 << 20
#: Largest record of the topics that carry alerts and releases, bytes.
ALERT_BYTES = 1 << 19
#: So many brokers are asked for the time.
_CLOCK_PARTITIONS = 3
#: Quarantine and dead letters hold an original and its envelope.
KEPT_BYTES = INTAKE_BYTES + (1 << 16)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it must exist."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Topics:
    """The names, below one prefix.

    Attributes:
        prefix: Put before every name, so that several communities can share a cluster;
            empty in production.
        partitions: Partitions of every topic that is keyed by alert. They are co-partitioned:
            an alert's intake may differ, but `alerts`, feeds and ledger never do.
    """

    prefix: str = ""
    partitions: int = 4

    def intake(self, originator: str) -> str:
        """Return the topic that only *originator* may write: the topic is the sender."""
        return f"{self.prefix}intake.{originator}"

    def originator_of(self, intake_topic: str) -> str:
        """Return the unit whose intake topic it is."""
        return intake_topic.removeprefix(f"{self.prefix}intake.")

    def feed(self, feed: str) -> str:
        """Return the topic of one feed."""
        return f"{self.prefix}feed.{feed}"

    def dead_letter(self, feed: str) -> str:
        """Return where a feed's undeliverable releases are kept."""
        return f"{self.prefix}dead-letter.{feed}"

    @property
    def alerts(self) -> str:
        """Accepted alerts."""
        return f"{self.prefix}alerts"

    @property
    def ledger(self) -> str:
        """Who holds what; compacted (docs/decisions/0004 lists its keys)."""
        return f"{self.prefix}ledger"

    @property
    def audit(self) -> str:
        """Audit entries of every stage."""
        return f"{self.prefix}audit"

    @property
    def plans(self) -> str:
        """Plans by digest; compacted."""
        return f"{self.prefix}plans"

    @property
    def quarantine(self) -> str:
        """What could not be accepted."""
        return f"{self.prefix}quarantine"

    @property
    def owed(self) -> str:
        """Releases and recalls of feeds that cannot be written."""
        return f"{self.prefix}owed"

    def feed_of(self, topic: str) -> str | None:
        """Return the feed whose topic it is, or None."""
        start = f"{self.prefix}feed."
        return topic.removeprefix(start) if topic.startswith(start) else None

    @property
    def clock(self) -> str:
        """Empty records, by which roles learn the brokers' time."""
        return f"{self.prefix}clock"

    @property
    def protected(self) -> str:
        """Empty; that it exists says that protection is required, to whoever publishes."""
        return f"{self.prefix}protected"

    def accept_group(self) -> str:
        """Return the consumer group of accept."""
        return f"{self.prefix}lali.accept"

    def route_group(self) -> str:
        """Return the consumer group of route."""
        return f"{self.prefix}lali.route"

    def deliver_group(self, feed: str) -> str:
        """Return the consumer group of deliver for one feed."""
        return f"{self.prefix}lali.deliver.{feed}"

    def unit_group(self, unit: str, name: str) -> str:
        """Return the consumer group that a unit calls *name*, to read its own feeds with."""
        return f"{self.prefix}unit.{unit}.{name}"

    def route_transaction(self, partition: int) -> str:
        """Return the transactional id of route for one partition of `alerts`."""
        return f"{self.prefix}lali.route.{partition}"

    def specs(
        self,
        originators: Iterable[str],
        feeds: Iterable[str],
        replication: int = 1,
        *,
        protected: bool = False,
    ) -> list[TopicSpec]:
        """Return every topic that must exist for these units and feeds.

        Args:
            originators: Ids of the units that publish.
            feeds: Ids of the feeds.
            replication: Copies of every topic.
            protected: Whether protection is required.
        """
        feeds = list(feeds)
        keep = self._specs([self.alerts, self.quarantine], ALERT_BYTES, 30)
        keep[1].config["max.message.bytes"] = str(KEPT_BYTES)
        intake = self._specs([self.intake(unit) for unit in originators], INTAKE_BYTES, 14)
        out = self._specs([self.feed(feed) for feed in feeds], ALERT_BYTES, 14)
        dead = self._specs([self.dead_letter(feed) for feed in feeds], KEPT_BYTES, 90)
        single = [
            _deleted(self.owed, self.partitions, ALERT_BYTES, 1900),
            _deleted(self.clock, _CLOCK_PARTITIONS, ALERT_BYTES, 1),
            _deleted(self.audit, 1, ALERT_BYTES, 3650),
            _compacted(self.plans, 1),
            _compacted(self.ledger, self.partitions),
        ]
        mark = [_deleted(self.protected, 1, ALERT_BYTES, 1)] if protected else []
        specs = [*intake, *keep, *out, *dead, *single, *mark]
        for spec in specs:
            # Retention goes by record times: by the brokers' clocks, never by a writer's. And a
            # reader that asks for what came after a moment must not miss what was written
            # before it and committed later.
            spec.config["message.timestamp.type"] = "LogAppendTime"
            spec.config["min.insync.replicas"] = str(min(2, replication))
        return specs

    def _specs(self, names: list[str], size: int, days: int) -> list[TopicSpec]:
        return [_deleted(name, self.partitions, size, days) for name in names]


def _deleted(name: str, partitions: int, size: int, days: int) -> TopicSpec:
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(days * DAY_MS),
        "max.message.bytes": str(size),
    }
    return TopicSpec(name, partitions, config)


def _compacted(name: str, partitions: int) -> TopicSpec:
    config = {
        "cleanup.policy": "compact",
        "max.message.bytes": str(ALERT_BYTES),
        "max.compaction.lag.ms": str(7 * DAY_MS),
    }
    return TopicSpec(name, partitions, config)
