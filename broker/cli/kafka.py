"""`lali kafka`: a real Kafka on this machine."""

import json
import signal
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from broker.cluster.jars import jars as resolve_jars
from broker.cluster.local import LocalKafka
from broker.errors import SettingsInvalid

app = cyclopts.App(name="kafka", help="A real Kafka on this machine, for development.")


@app.command
def start(
    *,
    nodes: Annotated[Literal["1", "3"], Parameter()] = "1",
    folder: Path | None = None,
    heap_mb: Annotated[int, Parameter(validator=Number(gte=128))] = 256,
    secure: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Start Kafka, print its address, and stop it at Ctrl-C.

    With --secure it prints the lines of a `lali.toml` with which the administrator goes on:
    `lali secure apply`, `lali topics apply`.

    Example: `lali kafka start --nodes 3 --secure --folder kafka`

    Args:
        nodes: 1, or a quorum of 3 with replication 3.
        folder: Where its data is kept; a temporary folder if not given.
        heap_mb: Java heap of each node, 2^20 bytes.
        secure: TLS, SCRAM-SHA-512 and ACLs; its certificates and passwords are in the folder.
    """
    if secure and folder is None:
        raise SettingsInvalid("--secure needs --folder: passwords must outlive the command")
    with LocalKafka(folder, nodes=int(nodes), heap_mb=heap_mb, secure=secure) as kafka:
        Console().print(f"Kafka {kafka.version} on {kafka.bootstrap_servers}; Ctrl-C stops it")
        if secure:
            print("\n".join(_settings(kafka)), flush=True)  # noqa: T201
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def _settings(kafka: LocalKafka) -> list[str]:
    """Return the lines of `lali.toml` by which the administrator reaches *kafka*."""
    made = kafka.protection
    told = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": "SASL_SSL",
        "ca_file": str(made.ca_file.resolve()),
        "credentials": str(made.passwords_folder.resolve()),
        "replication": kafka.replication,
    }
    # A JSON string is a TOML string.
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in told.items()]


@app.command
def jars() -> None:
    """Resolve Kafka's jars through Maven, if they are not there yet.

    Example: `lali kafka jars`
    """
    Console().print(f"Kafka's jars are in {resolve_jars()}")
