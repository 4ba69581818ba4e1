"""Roles killed at random moments: nothing is lost, nothing is released twice.

The moments come from a seed, which is printed; LALI_CHAOS_SEED repeats a run as far as a
machine can, LALI_CHAOS_ROUNDS makes it longer; `make faults` kills 54 times.
"""

import asyncio
import os
import random
import time
from contextlib import suppress

import pytest
from faults.selection import WHOLE

from broker.app import PIPELINE
from broker.trial.run import start_all, trial

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.timeout(900)]

ROUNDS = int(os.environ.get("LALI_CHAOS_ROUNDS", "54" if WHOLE else "9"))
#: A cluster of somebody else's has Kafka's own least session timeout.
SESSION_MS = 6000 if os.environ.get("LALI_TEST_KAFKA") else 1000
#: One kill in so many comes at any moment of a process's youth; the others when it works.
EARLY = 4
#: A batch is published for each kill, and one in so many seconds while a round takes long: what
#: is left to be done in the end is bounded, however slow the machine is.
SLOW_SECONDS = 3


async def test_roles_killed_at_random_moments_lose_and_double_nothing(kafka, topics, tmp_path, say):
    seed = int(os.environ.get("LALI_CHAOS_SEED", random.randrange(10**6)))
    say(f"chaos: seed {seed}")
    chance = random.Random(seed)
    began = time.monotonic()
    async with trial(kafka, topics, tmp_path, seed=seed, session_timeout_ms=SESSION_MS) as it:
        start_all(it.crew)
        rounds = asyncio.Semaphore(1)
        killing = asyncio.create_task(_kill(it, chance, rounds))
        await _publish_while(killing, it, chance, rounds)
        await killing
        found = await it.judgement()

    seconds = time.monotonic() - began
    say(f"chaos: {ROUNDS} rounds, {it.crew.kills}, {found.figures}, {seconds:.0f} s")
    assert found.faults == []
    assert sum(it.crew.kills.values()) == ROUNDS
    assert min(it.crew.kills[role] for role in PIPELINE) >= ROUNDS // len(PIPELINE)
    for kind in ("decided", "duplicates", "quarantined", "released", "recalled", "delivered"):
        assert found.figures[kind] > 0


async def _kill(it, chance, rounds):
    positions = dict.fromkeys(PIPELINE, 0)
    for number in range(ROUNDS):
        if number % len(PIPELINE) == 0:
            order = chance.sample(PIPELINE, len(PIPELINE))
        role = order[number % len(PIPELINE)]
        if chance.randrange(EARLY):
            await it.until_past(role, positions[role])
        await asyncio.sleep(chance.random() * 0.7)
        await asyncio.to_thread(it.crew.replace, role)
        positions[role] = await it.position(role)
        rounds.release()


async def _publish_while(killing, it, chance, rounds):
    while not killing.done():
        with suppress(TimeoutError):
            await asyncio.wait_for(rounds.acquire(), SLOW_SECONDS)
        await it.stream.publish(chance.randint(1, 40))
