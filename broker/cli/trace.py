"""`lali trace`: the way of one alert."""

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from rich.console import Console

from broker.audit.trace import trace as trace_of
from broker.audit.trace import trace_tree
from broker.cli import print_json
from broker.cli.audit import read_log


def trace(alert: UUID, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show the way of one alert: who received what, who did not, by which rule, when.

    Example: `lali trace 7b0c1f6e-33a8-4e4f-9a53-1f0d8c1f4d52`

    Args:
        alert: The alert's id.
        json: Print one JSON object.
    """
    log = read_log("trace")
    found = trace_of(log, alert)
    if json:
        print_json(found)
    else:
        Console().print(trace_tree(found))
