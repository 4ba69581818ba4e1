"""Seeded, plausible, visibly synthetic alerts of a Pacific region over days.

`Scenario` tells what happens as steps, each with what the broker must make of it, so that a
checker that shares no code with the pipeline can balance the books. Every text in every
compartment carries a canary, so a leak is found by looking at bytes.
"""

from broker.simulate.bench import bench_alerts
from broker.simulate.canary import canaries_in, canaries_of, revision_of
from broker.simulate.cast import Cast
from broker.simulate.lives import Expectation
from broker.simulate.scenario import Scenario, Step, past_start

__all__ = [
    "Cast",
    "Expectation",
    "Scenario",
    "Step",
    "bench_alerts",
    "canaries_in",
    "canaries_of",
    "past_start",
    "revision_of",
]
