"""A real Apache Kafka on this machine: one node, or a quorum of three.

For the demo, for small communities and for tests. It listens on the loopback interface
only: without encryption or passwords, and says so, or with TLS, passwords, client
certificates and ACLs.
"""

import base64
import json
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.cluster.jars import kafka_version
from broker.cluster.node import Node, NodeAddress, NodePlan
from broker.cluster.protection import Protection, protect
from broker.errors import KafkaUnavailable
from broker.private_files import private_folder, write_private

_READY_SECONDS = 90
_POLL_SECONDS = 0.1


class LocalKafka:
    """A Kafka cluster in a folder.

    Started again in the same folder it has the same data, and the same ports where free.

    Args:
        folder: Where the data lives; a temporary folder, removed at the end, if None.
        nodes: 1, or 3 with replication 3 and at least two in-sync replicas.
        heap_mb: Largest Java heap of each node, 2^20 bytes.
        secure: TLS, SCRAM-SHA-512, client certificates and ACLs. A folder is one or the
            other from its first start on.
        now: Says what time it is, for certificates.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        nodes: int = 1,
        heap_mb: int = 256,
        secure: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._now = now
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="lali-kafka-"))
        self._heap_mb = heap_mb
        self._count = nodes
        self._secure = secure
        self._protection: Protection | None = None
        self.nodes: list[Node] = []

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect: ``host:port``, comma-separated."""
        return ",".join(f"127.0.0.1:{node.plan.address.client_port}" for node in self.nodes)

    @property
    def mtls_servers(self) -> str:
        """Where clients with a certificate connect, in a protected cluster."""
        return ",".join(f"127.0.0.1:{node.plan.address.mtls_port}" for node in self.nodes)

    @property
    def protection(self) -> Protection:
        """CA, certificates and passwords of a protected cluster that was started."""
        assert self._protection is not None
        return self._protection

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS and asks for passwords."""
        return self._secure

    @property
    def version(self) -> str:
        """The Kafka version that runs."""
        return kafka_version()

    @property
    def replication(self) -> int:
        """How many copies every topic has."""
        return self._count

    def start(self) -> Self:
        """Start all nodes and wait until they answer.

        Raises:
            DependencyMissing: Java, Maven or the jars are missing.
            KafkaUnavailable: A node ended or did not answer in time; the text names its log.
        """
        plans = self._plans()
        self.nodes = [Node(self.folder / f"node-{p.address.node_id}", p) for p in plans]
        try:
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                wait_until_ready(node)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all nodes: in good order, or at once where their folder is removed with them."""
        for node in self.nodes:
            node.stop(at_once=self._temporary)
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _plans(self) -> list[NodePlan]:
        cluster_id, ports = self._kept()
        each = len(ports) // self._count
        voters = tuple(
            NodeAddress(n + 1, *ports[each * n : each * (n + 1)]) for n in range(self._count)
        )
        if self._secure:
            self._protection = protect(self.folder / "security", self._now)
        return [
            NodePlan(voter, voters, cluster_id, self._heap_mb, self._protection) for voter in voters
        ]

    def _kept(self) -> tuple[str, list[int]]:
        """Return the cluster's id and its ports, as at the last start where that is possible.

        Raises:
            KafkaUnavailable: The folder holds a cluster of the other kind.
        """
        private_folder(self.folder)
        kept = self.folder / "cluster.json"
        known = json.loads(kept.read_text()) if kept.exists() else {}
        if known and known.get("secure", False) != self._secure:
            raise KafkaUnavailable(f"{self.folder}: its cluster was made without or with security")
        cluster_id = known.get("cluster_id") or _new_cluster_id()
        ports = known.get("ports", [])
        count = (3 if self._secure else 2) * self._count
        if len(ports) != count or not all(map(_free, ports)):
            ports = _free_ports(count)
        found = {"cluster_id": cluster_id, "ports": ports, "secure": self._secure}
        write_private(kept, json.dumps(found).encode())
        return cluster_id, ports


def wait_until_ready(node: Node) -> None:
    """Wait until *node* says in its log that it has started and its port answers.

    Raises:
        KafkaUnavailable: It ended, or took too long.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if is_ready(node):
            return
        time.sleep(_POLL_SECONDS)
    raise KafkaUnavailable(f"Kafka did not answer in {_READY_SECONDS} s: see {node.log}")


def is_ready(node: Node) -> bool:
    """Whether *node* says in its log that it has started, and its port answers.

    Raises:
        KafkaUnavailable: It ended.
    """
    if not node.running():
        raise KafkaUnavailable(f"Kafka ended while starting: see {node.log} and {node.output.name}")
    return not _free(node.plan.address.client_port) and node.has_started()


def _new_cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_ports(count: int) -> list[int]:
    # Held open together, so that no two are the same.
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
