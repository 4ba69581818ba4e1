"""How to reach the Kafka cluster: one place for addresses, identity and protection."""

from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaConnectionError

from broker.errors import KafkaUnavailable, SettingsInvalid
from broker.wire.guarded import PlaintextAnywhere, guard_connections, is_loopback
from broker.wire.security import Security

guard_connections()


@dataclass(frozen=True, slots=True)
class Connection:
    """What every Kafka client of Lali is given.

    Attributes:
        bootstrap_servers: ``host:port``, comma-separated.
        client_id: Name of the role, shown in the broker's own logs and quotas.
        request_timeout_ms: Longest wait for one answer, milliseconds.
        session_timeout_ms: A member of a group that is silent for so long is replaced.
        security: Identity and TLS. None is plaintext, and for this machine only.
        allow_plaintext: Plaintext to other machines too, where the network itself is trusted.
    """

    bootstrap_servers: str
    client_id: str = "lali"
    request_timeout_ms: int = 15_000
    session_timeout_ms: int = 10_000
    security: Security | None = None
    allow_plaintext: bool = False

    def __post_init__(self) -> None:
        """Refuse to speak in the clear over a network.

        Raises:
            SettingsInvalid: Plaintext to an address that is not this machine's own.
        """
        if self.security is not None or self.allow_plaintext:
            return
        for server in self.servers():
            if not _is_loopback(server):
                raise SettingsInvalid(
                    f"{server}: plaintext to another machine is refused: set security_protocol, "
                    "or allow_plaintext = true where the network itself is trusted"
                )

    def servers(self) -> list[str]:
        """Return the bootstrap servers, each as ``host:port``."""
        return [server.strip() for server in self.bootstrap_servers.split(",")]

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that every aiokafka client takes.

        Raises:
            SettingsInvalid: A certificate or key file cannot be used.
        """
        return {
            "bootstrap_servers": self.servers(),
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
            **self._protection(),
        }

    def may_reach(self, host: str) -> bool:
        """Whether *host* may be connected to: wherever a cluster sends a client, too."""
        return self.security is not None or self.allow_plaintext or is_loopback(host)

    def _protection(self) -> dict[str, Any]:
        if self.security is not None:
            return self.security.options()
        return {"security_protocol": PlaintextAnywhere("PLAINTEXT")} if self.allow_plaintext else {}


def is_away(fault: BaseException) -> bool:
    """Return whether *fault* means that no broker of the cluster can be reached."""
    return isinstance(fault, KafkaConnectionError | KafkaUnavailable)


def _is_loopback(server: str) -> bool:
    return is_loopback(server.rpartition(":")[0] or server)
