"""`lali kafka`: a real Kafka on this machine."""

import signal
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from broker.cluster.jars import jars as resolve_jars
from broker.cluster.local import LocalKafka

app = cyclopts.App(name="kafka", help="A real Kafka on this machine, for development.")


@app.command
def start(
    *,
    nodes: Annotated[Literal["1", "3"], Parameter()] = "1",
    folder: Path | None = None,
    heap_mb: Annotated[int, Parameter(validator=Number(gte=128))] = 256,
) -> None:
    """Start Kafka, print its address, and stop it at Ctrl-C.

    Example: `lali kafka start --nodes 3`

    Args:
        nodes: 1, or a quorum of 3 with replication 3.
        folder: Where its data is kept; a temporary folder if not given.
        heap_mb: Java heap of each node, 2^20 bytes.
    """
    with LocalKafka(folder, nodes=int(nodes), heap_mb=heap_mb) as kafka:
        Console().print(f"Kafka {kafka.version} on {kafka.bootstrap_servers}; Ctrl-C stops it")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


@app.command
def jars() -> None:
    """Resolve Kafka's jars through Maven, if they are not there yet.

    Example: `lali kafka jars`
    """
    Console().print(f"Kafka's jars are in {resolve_jars()}")
