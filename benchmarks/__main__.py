"""`make bench`: CPU µs per alert by stage, against a bare copy in the same run.

Every stage runs in a process of its own against one real Kafka; its CPU time is counted, not
the wall, because broker and stage share two cores. Copy and route take turns, and the ratio
is taken within the run.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import decisions, gateway
from benchmarks.meter import Cost
from benchmarks.stages import Task
from broker.cluster.local import LocalKafka

Figures = dict[str, Any]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog='Example: make bench ARGS="--quick"',
    )
    parser.add_argument("--quick", action="store_true", help="smaller, some five minutes")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--only", choices=("pipeline", "gateway"), help="half of it")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    found: Figures = {}
    if options.only != "gateway":
        with LocalKafka(heap_mb=512) as kafka:
            console.print(f"Kafka {kafka.version}; CPU µs of the stage's own process, medians")
            found = measure(kafka.bootstrap_servers, console, quick=options.quick)
        _show(console, found)
    if options.only != "pipeline":
        found["gateway"] = gateway.measure(console, quick=options.quick)
        for name, figures in found["gateway"].items():
            console.print(_rows(f"Gateway: {name.replace('_', ' ')}", [figures]))
    if options.json:
        print(json.dumps(found))


def measure(servers: str, console: Console, *, quick: bool) -> Figures:
    """Return all figures."""
    rounds = 2 if quick else 5
    alerts = 20_000 if quick else 60_000
    few = alerts // 5
    copies, routes = [], []
    for number in range(rounds):
        console.print(f"[dim]round {number + 1} of {rounds}: copy and route in turn[/]")
        copies.append(run(Task("copy", servers, alerts)))
        routes.append(run(Task("route", servers, alerts)))
    console.print("[dim]route with labels never seen, and to 5, 50 and 500 feeds[/]")
    cold = run(Task("route", servers, few, labels=few))
    fan_out = [_fan_out(servers, feeds, quick=quick) for feeds in (5, 50, 500)]
    console.print("[dim]sealed, accept, deliver, decisions[/]")
    sealing = _sealing(servers, few if quick else alerts // 3)
    accepts = run(Task("accept", servers, few))
    delivers = run(Task("deliver", servers, few // 4))
    copied, routed = _median(copies), _median(routes)
    per_feed = [row["cpu_us_per_alert_and_feed"] for row in fan_out]
    return {
        "copy": copied.figures(),
        "route": {
            **routed.figures(),
            "ratio_to_bare_copy": round(
                median(
                    c.cpu_us_per_alert / r.cpu_us_per_alert
                    for c, r in zip(copies, routes, strict=True)
                ),
                3,
            ),
        },
        "route_cold_labels": cold.figures(),
        "route_fan_out": fan_out,
        "route_fan_out_ratio": round(max(per_feed) / per_feed[0], 2),
        "accept": accepts.figures(),
        "deliver": delivers.figures(),
        "sealing": sealing,
        "decisions": decisions.measure(quick=quick),
    }


def run(task: Task) -> Cost:
    """Measure *task* in a process of its own."""
    return Cost(**_run(task))


def _run(task: Task) -> Figures:
    command = [sys.executable, "-m", "benchmarks.stages", json.dumps(asdict(task))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-12:])
        raise RuntimeError(f"{task.stage} of {task.alerts} alerts did not end well:\n{said}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def _sealing(servers: str, alerts: int) -> Figures:
    """Return what signatures and seals cost; plain routes of the same size in the same run."""
    pairs = []
    for _ in range(2):
        plain = run(Task("route", servers, alerts))
        found = _run(Task("sealed", servers, alerts))
        once = found.pop("once")
        pairs.append((plain, Cost(**found), once))
    plain, routed, once = max(pairs, key=lambda pair: pair[0].alerts_per_second_per_core)
    return {
        **{f"{name}_cpu_us": value for name, value in once.items()},
        "route_cpu_us_per_alert": round(routed.cpu_us_per_alert, 1),
        "route_plain_cpu_us_per_alert": round(plain.cpu_us_per_alert, 1),
        "route_rate_to_plain": round(
            median(p.cpu_us_per_alert / s.cpu_us_per_alert for p, s, _ in pairs), 3
        ),
    }


def _fan_out(servers: str, feeds: int, *, quick: bool) -> Figures:
    alerts = max((40_000 if quick else 150_000) // feeds, 400 if quick else 1000)
    cost = run(Task("route", servers, alerts, feeds=feeds, released=feeds))
    return {
        "feeds": feeds,
        "cpu_us_per_alert": round(cost.cpu_us_per_alert, 1),
        "cpu_us_per_alert_and_feed": round(cost.cpu_us_per_alert / feeds, 2),
        "peak_mb": round(cost.peak_mb, 1),
    }


def _median(costs: list[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.cpu_us_per_alert)[len(costs) // 2]


def _show(console: Console, found: Figures) -> None:
    table = Table("stage", title="Cost of an alert", title_justify="left")
    for column in ("CPU µs / alert", "alerts/s per core", "wall s", "peak MB"):
        table.add_column(column, justify="right")
    names = {
        "copy": "bare copy, 1:1",
        "route": "route, four feeds and audit",
        "route_cold_labels": "route, every label new",
        "accept": "accept",
        "deliver": "deliver, one feed",
    }
    for key, name in names.items():
        f = found[key]
        rate = f"{f['alerts_per_second_per_core']:,.0f}"
        table.add_row(
            name, str(f["cpu_us_per_alert"]), rate, str(f["wall_seconds"]), str(f["peak_mb"])
        )
    console.print(table)
    console.print(f"route does {found['route']['ratio_to_bare_copy']:.2f} of the bare copy's rate")
    console.print(_rows("Route to many feeds", found["route_fan_out"]))
    console.print(f"per alert and feed, worst against five feeds: ×{found['route_fan_out_ratio']}")
    console.print(_rows("Signatures and seals, CPU µs an alert", [found["sealing"]]))
    console.print(_rows("A decision, CPU µs", found["decisions"]))


def _rows(title: str, rows: list[Figures]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    return table


if __name__ == "__main__":
    main()
