"""What a decision costs: by number of rules and of feeds, cold and from the cache."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.backlog import decider_of
from broker.policy.decide import view_of
from broker.policy.facts import Facts
from broker.testing import make_alert

_FACTS = Facts()


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """Return a row per combination of rules and feeds, in µs of CPU."""
    repeat = 5 if quick else 15
    rows = []
    for rules, feeds in ((20, 5), (200, 5), (20, 50), (20, 500), (200, 500)):
        with tempfile.TemporaryDirectory() as folder:
            decider = decider_of(Path(folder), feeds, rules, released=4)
            alert = make_alert(originator=decider.bundle.community.publishers()[0])
            view = view_of(alert.label, alert.distribution)
            decider.plan(view, _FACTS)
            cold = _cpu_us(lambda d=decider, v=view: d.outcomes(v, _FACTS), repeat, 1)
            warm = _cpu_us(lambda d=decider, v=view: d.plan(v, _FACTS), repeat, 200)
        rows.append(
            {
                "rules": rules,
                "feeds": feeds,
                "cold_us": round(cold),
                "cold_us_per_feed": round(cold / feeds, 1),
                "cached_us": round(warm, 1),
            }
        )
    return rows


def _cpu_us(call: Callable[[], object], repeat: int, times: int) -> float:
    found = []
    for _ in range(repeat):
        began = time.process_time_ns()
        for _ in range(times):
            call()
        found.append((time.process_time_ns() - began) / times / 1000)
    return median(found)
