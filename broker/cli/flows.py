"""`lali flows`: counts by originator and feed."""

import asyncio
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.app import make_parts
from broker.audit.flows import by_feed, by_originator
from broker.audit.flows import flows as flows_of
from broker.audit.log import read_audit
from broker.cli import print_json
from broker.settings import load_settings

_INTAKE = ("published", "accepted", "duplicates", "quarantined")
_FEED = ("released", "withheld", "recalled", "delivered", "not_delivered", "dead_lettered")


def flows(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show how much went from whom to whom, and what became of it.

    Example: `lali flows`

    Args:
        json: Print one JSON object.
    """
    parts = make_parts(load_settings())
    log = asyncio.run(read_audit(parts.connection("flows"), parts.topics))
    if json:
        print_json(flows_of(log))
        return
    console = Console()
    console.print(_table("originator", by_originator(log), _INTAKE))
    console.print(_table("feed", by_feed(log), _FEED))


def _table(what: str, rows: dict[str, dict[str, int]], columns: tuple[str, ...]) -> Table:
    table = Table(what)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, counts in rows.items():
        table.add_row(name, *(str(counts.get(column, 0) or "·") for column in columns))
    return table
