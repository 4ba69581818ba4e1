"""The engine that decides against an independent evaluator, asked a million times.

    make policy-million            a million questions; ARGS="50000" for fewer

A question is: may this feed do this with this alert? What may not be received answers for every
part at once; how many questions the evaluator put to Cedar is told apart. One alert of four is
drawn at random over every attribute, known values and unknown ones; the others differ from an
ordinary alert in up to five, so that much is released. The engine answers with its slices,
shared looks and cache; the evaluator of the tests (tests/policy_oracle.py) asks Cedar the slow
way, every rule at once.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from broker.model.compartment import COMPARTMENTS, compartments_in
from broker.model.decision import Outcome, Verdict
from broker.policy.bundle import load_bundle
from broker.policy.cases import ORDINARY_VIEW
from broker.policy.decide import Decider
from broker.policy.entities import ATTRIBUTES
from broker.resources import shipped

# Of the tests, which are no package.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from policy_oracle import Oracle
from random_alerts import RandomAlerts

#: To receive, and to see each part.
_EACH = 1 + len(COMPARTMENTS)
#: Alerts between two lines of progress.
_STEP = 100


@dataclass
class Compared:
    """What came of the comparison of one bundle.

    Attributes:
        asked: Questions, each answered by both.
        put: Those that the evaluator put to Cedar one by one, at least.
        verdicts: Feeds by verdict.
        parts: How often each part was released.
        differences: Alert and feed of each difference, in words.
        seconds: How long both took.
    """

    asked: int = 0
    put: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0


def compare(folder: Path, questions: int, seed: int, console: Console) -> Compared:
    """Ask engine and evaluator *questions* about the bundle in *folder*; tell of progress."""
    decider = Decider(load_bundle(folder))
    oracle, alerts, chance = Oracle(decider), RandomAlerts(decider, seed), random.Random(seed)
    found, began = Compared(), time.monotonic()
    number = 0
    while found.asked < questions:
        view, facts = _drawn(alerts, chance), alerts.facts()
        said: dict[str, Outcome] = {
            recipient.feed: group.outcome
            for group in decider.plan(view, facts).groups
            for recipient in group.recipients
        }
        _count(found, f"seed {seed}, alert {number}", said, oracle.outcomes(view, facts))
        number += 1
        if number % _STEP == 0:
            console.print(f"[dim]{folder.name}: {found.asked:,} of {questions:,}[/]")
    found.seconds = time.monotonic() - began
    return found


def _drawn(alerts: RandomAlerts, chance: random.Random) -> dict[str, Any]:
    drawn: dict[str, Any] = alerts.view()
    if chance.random() < 0.25:
        return drawn
    changed = chance.sample(sorted(ATTRIBUTES), chance.randrange(6))
    return ORDINARY_VIEW | {name: drawn[name] for name in ("originator", *changed)}


def _count(
    found: Compared, alert: str, said: dict[str, Outcome], expected: dict[str, Outcome]
) -> None:
    for feed in {**said, **expected}:
        mine, other = said.get(feed), expected.get(feed)
        received = other is not None and other.verdict is Verdict.RELEASE
        found.asked += _EACH
        found.put += _EACH if received else 1
        # The evaluator leaves obligations out.
        if mine is None or replace(mine, acknowledge_within_seconds=None) != other:
            found.differences.append(f"{alert}: {feed}")
            continue
        found.verdicts[mine.verdict.value] += 1
        found.parts.update(part.value for part in compartments_in(mine.compartments))


def main() -> None:
    """Compare the shipped bundles and print a table; exit 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="make policy-million", description=__doc__)
    parser.add_argument("questions", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    folders = [shipped("policies") / name for name in ("pacific", "three-agencies")]
    shares = (options.questions - options.questions // 10, options.questions // 10)
    found = {
        folder.name: compare(folder, share, options.seed, console)
        for folder, share in zip(folders, shares, strict=True)
    }
    console.print(_table(found))
    for name, each in found.items():
        for difference in each.differences[:20]:
            console.print(f"differs: {name}, {difference}")
    if options.json:
        print(json.dumps({name: _figures(each) for name, each in found.items()}))
    sys.exit(1 if any(each.differences for each in found.values()) else 0)


def _figures(found: Compared) -> dict[str, Any]:
    return {
        "asked": found.asked,
        "put to Cedar": found.put,
        "released": found.verdicts["RELEASE"],
        "withheld": found.verdicts["WITHHOLD"],
        "parts": sum(found.parts.values()),
        "differences": len(found.differences),
        "seconds": round(found.seconds, 1),
    }


def _table(found: dict[str, Compared]) -> Table:
    table = Table(title="The engine against an independent evaluator")
    figures = {name: _figures(each) for name, each in found.items()}
    table.add_column("bundle")
    for head in next(iter(figures.values())):
        table.add_column(head, justify="right")
    for name, row in figures.items():
        table.add_row(name, *(f"{value:,}" for value in row.values()))
    return table


if __name__ == "__main__":
    main()
