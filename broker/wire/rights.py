"""What an access right is: a principal may do one thing to one named resource.

The names of resources and operations are Kafka's.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What there is to have rights on."""

    TOPIC = "topic"
    GROUP = "group"
    TRANSACTION = "transactional id"
    CLUSTER = "cluster"


class Operation(StrEnum):
    """What can be done."""

    READ = "READ"
    WRITE = "WRITE"
    CREATE = "CREATE"
    DELETE = "DELETE"
    ALTER = "ALTER"
    DESCRIBE = "DESCRIBE"
    CLUSTER_ACTION = "CLUSTER_ACTION"
    DESCRIBE_CONFIGS = "DESCRIBE_CONFIGS"
    ALTER_CONFIGS = "ALTER_CONFIGS"
    IDEMPOTENT_WRITE = "IDEMPOTENT_WRITE"


#: Who may do one of the values may do the key: Kafka grants it along.
IMPLIED_BY: dict[Operation, frozenset[Operation]] = {
    Operation.DESCRIBE: frozenset(
        {Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER}
    ),
    Operation.DESCRIBE_CONFIGS: frozenset({Operation.ALTER_CONFIGS}),
}

#: Kafka's name of the cluster as a resource.
CLUSTER_NAME = "kafka-cluster"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One permission: an ACL that allows, from any host.

    Attributes:
        principal: Who, without Kafka's ``User:``.
        name: The resource's name, or how it begins.
        prefixed: The name is how names begin.
    """

    principal: str
    kind: Kind
    name: str
    operation: Operation
    prefixed: bool = False

    def covers(self, kind: Kind, name: str, operation: Operation) -> bool:
        """Whether it lets its principal do *operation* to the resource *name*."""
        if kind is not self.kind:
            return False
        named = name.startswith(self.name) if self.prefixed else name == self.name
        implied = IMPLIED_BY.get(operation, frozenset())
        return named and (operation is self.operation or self.operation in implied)
