"""`make attack`: every attack against a site of its own, and a table of what held."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from attack.families import IN_ORDER
from attack.site import Site
from attack.trying import NOT_HELD, NOT_RUN, Outcome, try_one, whole_of

#: The run starts no further attack after so many seconds, so it ends within about six minutes.
BOUND_SECONDS = 300


def main():
    """Run them; the exit code is 1 where anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m attack", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--quick", action="store_true", help="the selection of the suite alone")
    parser.add_argument("--only", type=int, action="append", help="attacks of this number alone")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    chosen = [
        each
        for each in IN_ORDER
        if (each.quick or not options.quick) and (not options.only or each.number in options.only)
    ]
    began = time.monotonic()
    console.print(f"{len(chosen)} attacks; a site of their own starts, some 30 s")
    with tempfile.TemporaryDirectory(prefix="lali-attack-") as folder, Site(Path(folder)) as site:
        outcomes = _tried(chosen, site, console, began)
    whole = whole_of(outcomes, time.monotonic() - began)
    console.print(table_of(outcomes))
    console.print(
        f"{whole['held']} held, {whole['not_held']} NOT held, {whole['not_run']} not run, "
        f"{whole['seconds']} s"
    )
    if options.json:
        sys.stdout.write(f"{json.dumps(whole)}\n")
    sys.exit(1 if whole["not_held"] else 0)


def _tried(chosen, site, console, began):
    outcomes = []
    for number, each in enumerate(chosen, 1):
        console.print(f"[dim]{number} of {len(chosen)}: {each.number}, {each.name}[/]")
        if time.monotonic() - began > BOUND_SECONDS:
            late = "the time of the run was over"
            outcomes.append(
                Outcome(each.name, each.number, each.tried, each.must, NOT_RUN, late, 0.0)
            )
        else:
            outcomes.append(try_one(each, site))
    return outcomes


def table_of(outcomes):
    """Return what came of them, for a terminal."""
    table = Table("attack", "no.", "what was tried", "outcome", "evidence", title="Attacks")
    for each in outcomes:
        style = {NOT_HELD: "bold red", NOT_RUN: "yellow"}.get(each.outcome, "green")
        table.add_row(
            each.attack, f"A{each.number}", each.tried, f"[{style}]{each.outcome}[/]", each.evidence
        )
    return table


if __name__ == "__main__":
    main()
