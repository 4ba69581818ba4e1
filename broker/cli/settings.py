"""`lali settings`: every setting, its value, and what it means."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.cli import print_json
from broker.settings import Settings, load_settings


def settings(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show every setting: value, default and meaning.

    Set one in the environment (LALI_PARTITIONS=8) or in lali.toml (partitions = 8).

    Example: `lali settings`

    Args:
        json: Print one JSON object.
    """
    now = load_settings()
    if json:
        print_json(now.model_dump(mode="json"))
        return
    table = Table("setting", "value", "meaning", title="Settings", title_justify="left")
    for name, field in Settings.model_fields.items():
        table.add_row(name, str(getattr(now, name)), field.description or "")
    Console().print(table)
