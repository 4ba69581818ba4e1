"""`lali doctor`: one look at a site, and what to do."""

import asyncio
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.app import Parts, make_parts
from broker.cli import print_json
from broker.doctor.cluster import look_at_cluster
from broker.doctor.finding import Finding, Report, Weight, report
from broker.doctor.site import look_at_site
from broker.settings import load_settings

Flag = Annotated[bool, Parameter(negative="")]

_STYLES = {
    Weight.WRONG: "[red]wrong[/]",
    Weight.SOON: "[yellow]soon[/]",
    Weight.NOT_LOOKED: "not seen",
    Weight.FINE: "[green]fine[/]",
}


def doctor(*, offline: Flag = False, json: Flag = False) -> None:
    """Look at this site: keys and what ends, clock, topics, lag, disk, vault, backup.

    It changes nothing. The exit code is 1 where something is wrong, else 0; 2 where it cannot
    look at all.

    Example: `lali doctor`

    Args:
        offline: Look at this machine alone, and ask no cluster.
        json: Print one JSON object.
    """
    parts = make_parts(load_settings())
    seen = report(version("lali"), asyncio.run(_looked(parts, offline=offline)))
    if json:
        print_json(seen.model_dump(mode="json"))
    else:
        _show(seen)
    if seen.verdict == "WRONG":
        raise SystemExit(1)


async def _looked(parts: Parts, *, offline: bool) -> list[Finding]:
    found = list(look_at_site(parts.settings, parts.bundle, datetime.now(UTC)))
    if not offline:
        found += [each async for each in look_at_cluster(parts)]
    return found


def _show(seen: Report) -> None:
    console = Console()
    table = Table("", "what", "found", "what to do")
    for each in seen.findings:
        code = "" if each.weight is Weight.FINE else f" ({each.code})"
        table.add_row(_STYLES[each.weight], each.subject, f"{each.says}{code}", each.advice)
    console.print(table)
    console.print(f"Lali {seen.version}: {seen.verdict.lower()}")
