"""`lali flows`: counts by originator and feed."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from broker.audit.flows import by_feed, by_originator
from broker.audit.flows import flows as flows_of
from broker.cli import print_json
from broker.cli.audit import read_log

_INTAKE = ("published", "accepted", "duplicates", "quarantined")
_DECIDED = ("released", "withheld", "recalled")
_DELIVERED = ("delivered", "not_delivered", "dead_lettered")
_ANSWERED = ("received", "acknowledged", "acted_upon", "refused")


def flows(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show how much went from whom to whom, and what became of it.

    Example: `lali flows`

    Args:
        json: Print one JSON object.
    """
    log = read_log("flows")
    if json:
        print_json(flows_of(log))
        return
    console = Console()
    console.print(_table("originator", by_originator(log), _INTAKE))
    # Two tables: names of feeds are long, and all columns in one leave no room for them.
    feeds = by_feed(log)
    console.print(_table("feed, as decided", feeds, _DECIDED))
    console.print(_table("feed, as delivered", feeds, _DELIVERED))
    console.print(_table("feed, as answered", feeds, _ANSWERED))


def _table(what: str, rows: dict[str, dict[str, int]], columns: tuple[str, ...]) -> Table:
    """Return the rows that have anything in one of *columns*."""
    table = Table()
    table.add_column(what, no_wrap=True)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for name, counts in rows.items():
        if any(counts.get(column) for column in columns):
            table.add_row(escape(name), *(str(counts.get(column, 0) or "·") for column in columns))
    return table
