"""`lali topics`: the topics that this community needs."""

import asyncio
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.app import make_parts
from broker.cli import print_json
from broker.settings import load_settings

app = cyclopts.App(name="topics", help="The topics that this community needs.")


@app.command
def apply(*, mend: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Create the topics that are missing; say where settings of existing ones differ.

    Example: `lali topics apply`

    Args:
        mend: Set what differs, too; who connects must be an administrator of the cluster.
    """
    parts = make_parts(load_settings())
    created = asyncio.run(parts.apply_topics())
    console = Console()
    console.print(f"{len(created)} topics created")
    found = asyncio.run(parts.mend_topics() if mend else parts.topic_differences())
    for difference in found:
        console.print(f"{difference}{': set' if mend else ''}", markup=False, soft_wrap=True)
    if found and not mend:
        console.print("[yellow]set what differs[/]: lali topics apply --mend")


@app.command(name="list")
def list_topics(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List every topic with its partitions and retention; needs no cluster.

    Example: `lali topics list`

    Args:
        json: Print one JSON object.
    """
    specs = make_parts(load_settings()).specs()
    if json:
        print_json({spec.name: {"partitions": spec.partitions, **spec.config} for spec in specs})
        return
    table = Table("topic", "partitions", "cleanup", "retention days", "largest record")
    for spec in specs:
        days = int(spec.config.get("retention.ms", 0)) // 86_400_000
        cleanup = spec.config["cleanup.policy"]
        size = spec.config["max.message.bytes"]
        table.add_row(spec.name, str(spec.partitions), cleanup, str(days or "–"), size)
    Console().print(table)
