"""One Kafka process: its configuration, its start, and the ways in which it can end."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from broker.cluster.jars import jars, java
from broker.cluster.protection import Protection, format_arguments, protected_settings
from broker.errors import KafkaUnavailable
from broker.private_files import private_folder, write_private
from broker.resources import shipped

_STOP_SECONDS = 20
#: Kafka's files may hold what others must not read, sealed or not.
_OWNER_ONLY = 0o077


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where a node listens, on the loopback interface.

    Attributes:
        client_port: Plaintext, or SCRAM in a protected cluster.
        mtls_port: For client certificates; None in a cluster without protection.
    """

    node_id: int
    client_port: int
    controller_port: int
    mtls_port: int | None = None


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a node is started with.

    Attributes:
        address: Its own.
        voters: All nodes of the quorum.
        cluster_id: The same for all nodes.
        heap_mb: Largest Java heap, 2^20 bytes.
        protection: TLS, passwords and ACLs; None is plaintext on the loopback interface.
    """

    address: NodeAddress
    voters: tuple[NodeAddress, ...]
    cluster_id: str
    heap_mb: int
    protection: Protection | None = None


class Node:
    """One broker and controller process with its folder."""

    def __init__(self, folder: Path, plan: NodePlan) -> None:
        self.folder = folder
        self.plan = plan
        self.log = folder / "kafka.log"
        self.output = folder / "kafka.out"
        self.pid: int | None = None
        self._warden: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; the folder is formatted at the first start.

        Raises:
            DependencyMissing: Java or the jars are missing.
            KafkaUnavailable: Formatting failed.
        """
        private_folder(self.folder)
        settings = self.folder / "server.properties"
        write_private(settings, properties_text(_settings(self.plan, self.folder / "data")))
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(settings)
        heap = f"-Xmx{self.plan.heap_mb}m"
        # Serial collector and client compiler: a small process that starts soon, not a fast one.
        tuning = [heap, "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"]
        command = [*self._java(*tuning), "kafka.Kafka", str(settings)]
        self._begin_log()
        with self.output.open("wb") as output:
            self._warden = subprocess.Popen(
                [sys.executable, "-m", "broker.cluster.warden", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=_environment(),
                umask=_OWNER_ONLY,
            )

    def running(self) -> bool:
        """Whether the process is there."""
        return self._warden is not None and self._warden.poll() is None

    def stop(self, *, at_once: bool = False) -> None:
        """End it in good order; after a while, by force.

        Args:
            at_once: By force from the start: nobody needs its data any more.
        """
        if self._warden is None or self._warden.stdin is None:
            return
        if at_once:
            self._signal(signal.SIGKILL)
        self._warden.stdin.close()
        try:
            self._warden.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._warden = None

    def kill(self) -> None:
        """End it as a crash would."""
        self._signal(signal.SIGKILL)
        if self._warden is not None:
            self._warden.wait(_STOP_SECONDS)

    def pause(self) -> None:
        """Freeze it, as a machine that stalls would."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def has_started(self) -> bool:
        """Whether Kafka has said in its log that it is up."""
        return self.log.exists() and b"Kafka Server started" in self.log.read_bytes()

    def _begin_log(self) -> None:
        """Keep the log of the run before aside: what is in it was not said by this one."""
        if self.log.exists():
            self.log.replace(self.log.with_name("kafka.log.before"))
        self.output.unlink(missing_ok=True)
        self.output.touch(mode=0o600)

    def _signal(self, number: signal.Signals) -> None:
        if not self.running():
            return
        assert self._warden is not None
        for child in children_of(self._warden.pid):
            os.kill(child, number)

    def _format(self, settings: Path) -> None:
        # With "=": an id may begin with a dash, and would be taken for an option.
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={self.plan.cluster_id}"]
        command = [*self._java("-XX:TieredStopAtLevel=1"), *tool, "-c", str(settings)]
        if self.plan.protection:
            command += format_arguments(self.plan.protection, self.folder)
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=_environment(),
            umask=_OWNER_ONLY,
        )  # fmt: skip
        (self.folder / "format-arguments").unlink(missing_ok=True)
        if done.returncode:
            write_private(self.output, (done.stdout + done.stderr).encode())
            raise KafkaUnavailable(f"the data folder could not be formatted: see {self.output}")

    def _java(self, *options: str) -> list[str]:
        logging = shipped("kafka") / "log4j2.properties"
        classes = f"{jars()}/*"
        log = f"-Dlali.kafka.log={self.log}"
        return [java(), *options, f"-Dlog4j2.configurationFile={logging}", log, "-cp", classes]


def children_of(pid: int) -> list[int]:
    """Return the processes that *pid* started.

    Linux only; elsewhere a node can be stopped but not killed or paused.
    """
    said = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in said.read_text().split()] if said.exists() else []


def _environment() -> dict[str, str]:
    # Java decodes names of files by the locale: without one, no letter outside ASCII is found.
    return os.environ | {"LC_ALL": "C.UTF-8"}


def properties_text(settings: Mapping[str, object]) -> bytes:
    """Return *settings* as a properties file, which Java reads as ISO-8859-1 (JDK, Properties).

    Raises:
        KafkaUnavailable: A path has a comma, which Kafka takes for the end of the path, or a
            line's end.
    """
    for name, value in settings.items():
        if isinstance(value, Path) and set(str(value)) & set(",\r\n"):
            raise KafkaUnavailable(f"{name}: a comma or a line's end in the path of Kafka's data")
    lines = (f"{name}={_escaped(str(value))}\n" for name, value in settings.items())
    return "".join(lines).encode("ascii")


def _escaped(value: str) -> str:
    units = value.encode("utf-16-be", "surrogatepass")
    each = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(
        chr(unit) if 0x20 <= unit < 0x7F and unit != 0x5C else f"\\u{unit:04x}" for unit in each
    )


def _settings(plan: NodePlan, data: Path) -> dict[str, object]:
    own, count = plan.address, len(plan.voters)
    voters = ",".join(f"{v.node_id}@127.0.0.1:{v.controller_port}" for v in plan.voters)
    protected = plan.protection is not None
    listener = f"{'SCRAM' if protected else 'PLAINTEXT'}://127.0.0.1:{own.client_port}"
    if protected:
        listener += f",MTLS://127.0.0.1:{own.mtls_port}"
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": own.node_id,
        "controller.quorum.voters": voters,
        "listeners": f"{listener},CONTROLLER://127.0.0.1:{own.controller_port}",
        "advertised.listeners": listener,
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "unclean.leader.election.enable": "false",
        "default.replication.factor": count,
        "min.insync.replicas": min(2, count),
        "offsets.topic.replication.factor": count,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": count,
        "transaction.state.log.min.isr": min(2, count),
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": count,
        "share.coordinator.state.topic.min.isr": min(2, count),
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "message.max.bytes": 2 << 20,
        "replica.fetch.max.bytes": 4 << 20,
        "log.segment.delete.delay.ms": 1000,
        "log.index.size.max.bytes": 256 << 10,
        # The log cleaner takes 128 MiB by default, at once: half of the heap. After a hard stop,
        # with everything else to recover, the process ended for want of memory.
        "log.cleaner.dedupe.buffer.size": 16 << 20,
    }
    if plan.protection:
        settings |= protected_settings(plan.protection)
    return settings
