"""`lali demo`: a Pacific region at work, live, and the balance of it all."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from broker.cli import print_json
from broker.cluster.local import LocalKafka
from broker.demo.progress import Progress
from broker.demo.report import report
from broker.demo.show import Result, show
from broker.gateway.first_steps import curl_lines
from broker.logs import configure_logs
from broker.settings import load_settings


def demo(
    *,
    alerts: Annotated[int, Parameter(validator=Number(gte=1))] = 150,
    seed: int = 7,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run a region at work on a Kafka of its own, and account for every alert.

    Agencies publish, policy decides for each feed, connectors deliver; then a table by feed,
    the way of one alert, the balance, and a search of everything received for leaks. Exit
    code 0 only if nothing was lost and nothing leaked.

    Example: `lali demo --alerts 100 --seed 3`

    Args:
        alerts: Different alerts; revisions, repetitions and poison come on top.
        seed: Names the scenario; the same seed tells the same story.
        json: Print one JSON object as the last line.
    """
    # Poison is part of the story, and each quarantine would be a line.
    configure_logs(level="critical")
    console = Console(stderr=json, width=None if sys.stdout.isatty() else 110)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="lali-demo-") as name,
        Progress(console) as progress,
    ):
        result = asyncio.run(_run(Path(name), alerts, seed, progress))
        result.seconds = time.monotonic() - began
    report(console, result)
    console.rule("[bold]Try it over HTTP")
    console.print("While [bold]make up[/] runs in another terminal:")
    for what, line in curl_lines("http://127.0.0.1:8440", ".lali/api-keys"):
        console.print(f"[dim]# {what}[/]")
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if json:
        print_json(result.figures())
    sys.exit(0 if result.passed else 1)


async def _run(folder: Path, alerts: int, seed: int, progress: Progress) -> Result:
    progress.say("starting Apache Kafka on this machine (loopback only, no passwords)")
    kafka = LocalKafka(folder / "kafka")
    await asyncio.to_thread(kafka.start)
    progress.say(f"Kafka {kafka.version} answers on {kafka.bootstrap_servers}")
    settings = load_settings(
        bootstrap_servers=kafka.bootstrap_servers,
        partitions=2,
        topic_prefix="",
        replication=1,
        keys=folder / "keys",
        data_folder=folder / "data",
        gateway_port=0,
        gateway_rate="100000/minute",
    )
    try:
        return await show(
            settings, kafka, folder / "partners", alerts=alerts, seed=seed, progress=progress
        )
    finally:
        await asyncio.to_thread(kafka.stop)
