"""How to reach the Kafka cluster: one place for addresses and, later, credentials."""

from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaConnectionError

from broker.errors import KafkaUnavailable


@dataclass(frozen=True, slots=True)
class Connection:
    """What every Kafka client of Lali is given.

    Attributes:
        bootstrap_servers: ``host:port``, comma-separated.
        client_id: Name of the role, shown in the broker's own logs and quotas.
        request_timeout_ms: Longest wait for one answer, milliseconds.
        session_timeout_ms: A member of a group that is silent for so long is replaced.
    """

    bootstrap_servers: str
    client_id: str = "lali"
    request_timeout_ms: int = 15_000
    session_timeout_ms: int = 10_000

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that every aiokafka client takes."""
        return {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
        }


def is_away(fault: BaseException) -> bool:
    """Return whether *fault* means that no broker of the cluster can be reached."""
    return isinstance(fault, KafkaConnectionError | KafkaUnavailable)
