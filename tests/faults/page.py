"""The page of what faults did, which `make faults` writes."""

from pathlib import Path

HEAD = """\
# What faults do

Written by `make faults`, which lets each fault below happen to a site at work on a real Kafka
while alerts are published, and then has an oracle that shares no code with Lali count what came
to every feed and partner. *Published* is how many alerts were taken before, in the middle of
and after it; *lost* how often one of them did not come where it should; *twice* how often one
came to a place more than once; *leaked* how often a place got more of one than it may have;
*recovered* how long after the fault's end nothing was outstanding any more. A fault that could
not be tried on that machine is *not run*. None lost in n alerts means, with 95 % confidence,
that at most 3/n are.

Clocks are set by Debian's libfaketime; small disks are mounted by root. A run of part of them
(`make faults ARGS="-k clock"`) replaces the rows of those that ran.

| Fault | Published | Lost | Twice | Leaked | Recovered |
|---|---:|---:|---:|---:|---:|
"""


def write(page: Path, rows: dict[str, list[str]]) -> None:
    """Write *rows* into *page*, by the name of the fault; those that did not run stay."""
    known = _rows(page.read_text()) if page.exists() else {}
    known |= {name: cells for name, cells in rows.items() if cells[0] or name not in known}
    lines = [f"| {' | '.join([name, *cells])} |\n" for name, cells in known.items()]
    page.write_text(HEAD + "".join(lines))


def not_run() -> list[str]:
    """Return the cells of a fault that could not be tried."""
    return ["", "", "", "", "not run"]


def _rows(text: str) -> dict[str, list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: cells for name, *cells in split}
