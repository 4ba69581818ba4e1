"""Who may do what in Kafka: one principal for each unit and each role, and their rights.

The only place that says so. `lali secure apply` makes a cluster agree with it, and
`lali secure check` asks the cluster, as each principal, whether it does.

- A unit writes its own intake topic, and reads its own feeds, in groups of its own prefix.
  It can neither read nor see another's topics or groups.
- A role has what its code needs, by name. Only route has transactional ids.
- Whatever is not here is denied: to everyone but the brokers and the administrator.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from broker.wire.rights import Kind, Operation, Right
from broker.wire.topics import Topics

ACCEPT, ROUTE, DELIVER = "accept", "route", "deliver"
#: Reads the audit log, to show traces and flows.
AUDIT = "audit"
#: Creates topics, and compares their settings with what they should be.
TOPICS = "topics"
#: Records changes that two officers agree to, and waits for accept before keys are destroyed.
OFFICER = "officer"
#: Publishes for units that it has authenticated, and serves each the feeds of its own.
GATEWAY = "gateway"
ROLES = (ACCEPT, ROUTE, DELIVER, AUDIT, TOPICS, OFFICER, GATEWAY)

_READ, _WRITE, _CREATE = Operation.READ, Operation.WRITE, Operation.CREATE


@dataclass(frozen=True, slots=True)
class Principals:
    """Names of principals, below the community's prefix.

    Attributes:
        prefix: That of topics, so that several communities can share a cluster.
    """

    prefix: str = ""

    def unit(self, unit: str) -> str:
        """Return the principal of a unit."""
        return f"{self.prefix}unit.{unit}"

    def role(self, role: str) -> str:
        """Return the principal of a role."""
        return f"{self.prefix}role.{role}"

    def owns(self, principal: str) -> bool:
        """Whether *principal* is one of this community, known or not."""
        return principal.startswith((f"{self.prefix}unit.", f"{self.prefix}role."))


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that anybody of one community may do in Kafka.

    Attributes:
        topics: The names.
        publishers: Ids of the units that publish.
        feeds: Id of each active feed, and of the unit that it belongs to.
        units: Ids of all units; one without intake and feeds may do nothing.
        protected: Whether protection is required.
    """

    topics: Topics
    publishers: tuple[str, ...]
    feeds: Mapping[str, str]
    units: tuple[str, ...]
    protected: bool = False

    @property
    def names(self) -> Principals:
        """The principals' names."""
        return Principals(self.topics.prefix)

    def principals(self) -> list[str]:
        """Return every principal, roles first."""
        roles = [self.names.role(role) for role in ROLES]
        return roles + [self.names.unit(unit) for unit in sorted(self.units)]

    def rights(self) -> list[Right]:
        """Return every right, sorted."""
        return sorted({*self._accept(), *self._route(), *self._deliver(), *self._audit(),
                       *self._topics(), *self._officer(), *self._gateway(),
                       *self._units(), *self._everyone()})  # fmt: skip

    def topic_names(self) -> list[str]:
        """Return the names of all topics."""
        specs = self.topics.specs(self.publishers, self.feeds, protected=self.protected)
        return [spec.name for spec in specs]

    def transactions(self) -> list[str]:
        """Return route's transactional ids."""
        return [self.topics.route_transaction(n) for n in range(self.topics.partitions)]

    def groups(self) -> list[str]:
        """Return the roles' groups, and one group of each unit."""
        topics = self.topics
        deliver = [topics.deliver_group(feed) for feed in self.feeds]
        own = [topics.unit_group(unit, "desk") for unit in self.units]
        return [topics.accept_group(), topics.route_group(), *deliver, *own]

    def _accept(self) -> Iterator[Right]:
        topics, own = self.topics, self.names.role(ACCEPT)
        yield from _on_topics(own, map(topics.intake, self.publishers), _READ)
        yield from _on_topics(own, (topics.alerts, topics.quarantine, topics.audit), _WRITE)
        yield Right(own, Kind.TOPIC, topics.clock, _WRITE)
        yield Right(own, Kind.GROUP, topics.accept_group(), _READ)

    def _route(self) -> Iterator[Right]:
        topics, own = self.topics, self.names.role(ROUTE)
        written = (topics.ledger, topics.audit, topics.plans, topics.quarantine, topics.owed)
        yield from _on_topics(own, (topics.alerts, topics.ledger, topics.owed), _READ)
        yield from _on_topics(own, written, _WRITE)
        yield from _on_topics(own, map(topics.feed, self.feeds), _WRITE)
        yield Right(own, Kind.TOPIC, topics.clock, _WRITE)
        yield Right(own, Kind.GROUP, topics.route_group(), _READ)
        for transaction in self.transactions():
            yield Right(own, Kind.TRANSACTION, transaction, _WRITE)

    def _deliver(self) -> Iterator[Right]:
        topics, own = self.topics, self.names.role(DELIVER)
        yield from _on_topics(own, (topics.ledger, *map(topics.feed, self.feeds)), _READ)
        yield from _on_topics(own, (topics.ledger, topics.audit), _WRITE)
        for operation in (_WRITE, _READ):  # an operator has one handed over again
            yield from _on_topics(own, map(topics.dead_letter, self.feeds), operation)
        yield Right(own, Kind.TOPIC, topics.clock, _WRITE)
        for feed in self.feeds:
            yield Right(own, Kind.GROUP, topics.deliver_group(feed), _READ)

    def _audit(self) -> Iterator[Right]:
        topics, own = self.topics, self.names.role(AUDIT)
        yield from _on_topics(own, (topics.audit, topics.plans), _READ)
        yield Right(own, Kind.TOPIC, topics.ledger, Operation.DESCRIBE)  # to count partitions

    def _topics(self) -> Iterator[Right]:
        own = self.names.role(TOPICS)
        yield from _on_topics(own, self.topic_names(), _CREATE)
        yield from _on_topics(own, self.topic_names(), Operation.DESCRIBE)
        yield from _on_topics(own, self.topic_names(), Operation.DESCRIBE_CONFIGS)

    def _officer(self) -> Iterator[Right]:
        topics, own = self.topics, self.names.role(OFFICER)
        yield Right(own, Kind.TOPIC, topics.audit, _WRITE)
        yield from _on_topics(own, map(topics.intake, self.publishers), Operation.DESCRIBE)
        yield Right(own, Kind.GROUP, topics.accept_group(), Operation.DESCRIBE)

    def _gateway(self) -> Iterator[Right]:
        topics, own = self.topics, self.names.role(GATEWAY)
        read = (topics.ledger, topics.audit, *map(topics.feed, self.feeds))
        yield from _on_topics(own, read, _READ)
        yield from _on_topics(own, (topics.audit, *map(topics.intake, self.publishers)), _WRITE)
        yield Right(own, Kind.TOPIC, topics.clock, _WRITE)

    def _units(self) -> Iterator[Right]:
        for unit in self.publishers:
            own = self.names.unit(unit)
            yield Right(own, Kind.TOPIC, self.topics.intake(unit), _WRITE)
        for feed, unit in self.feeds.items():
            own = self.names.unit(unit)
            yield Right(own, Kind.TOPIC, self.topics.feed(feed), _READ)
            # The one prefix: it ends in a dot, so no other unit's id can go on from it.
            group = self.topics.unit_group(unit, "")
            yield Right(own, Kind.GROUP, group, _READ, prefixed=True)

    def _everyone(self) -> Iterator[Right]:
        # Also where protection is off: who may not ask could not be told that it is.
        for principal in self.principals():
            yield Right(principal, Kind.TOPIC, self.topics.protected, Operation.DESCRIBE)


def _on_topics(principal: str, topics: Iterable[str], operation: Operation) -> Iterator[Right]:
    for topic in topics:
        yield Right(principal, Kind.TOPIC, topic, operation)
