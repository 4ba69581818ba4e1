"""One node of three ends as in a crash while alerts are routed: nothing lost, nothing doubled."""

import asyncio
import random
import time

import pytest

from broker.cluster.local import wait_until_ready
from broker.trial.run import start_all, trial

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.timeout(600)]

#: Kafka's own least: a cluster that loses a node must not lose its groups as well.
SESSION_MS = 6000
#: A publisher waits this long for the successor of a leader.
_AWAY_SECONDS = 8


async def test_a_node_killed_while_alerts_are_routed_loses_and_doubles_nothing(
    kafka3, topics, tmp_path, say
):
    seed = random.randrange(10**6)
    began = time.monotonic()
    async with trial(
        kafka3.bootstrap_servers, topics, tmp_path, seed=seed, session_timeout_ms=SESSION_MS,
        replication=kafka3.replication,
    ) as it:  # fmt: skip
        start_all(it.crew)
        await it.stream.publish(60)
        await it.until_past("route", 0)
        before = await it.position("route")
        publishing = asyncio.create_task(_publish(it))
        victim = random.choice(kafka3.nodes)
        await asyncio.to_thread(victim.kill)
        assert not victim.running()
        await asyncio.sleep(_AWAY_SECONDS)
        await it.until_past("route", before)  # two of three go on without it
        await asyncio.to_thread(victim.start)
        await asyncio.to_thread(wait_until_ready, victim)
        await publishing
        found = await it.judgement()

    seconds = time.monotonic() - began
    say(f"chaos: seed {seed}, one node of three killed, {found.figures}, {seconds:.0f} s")
    assert found.faults == []
    for kind in ("decided", "duplicates", "quarantined", "released", "recalled", "delivered"):
        assert found.figures[kind] > 0


async def _publish(it):
    for _ in range(12):
        await it.stream.publish(20)
        await asyncio.sleep(0.3)
