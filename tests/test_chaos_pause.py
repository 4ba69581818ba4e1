"""A router that stalls in the middle of a transaction and wakes after its successor took over."""

import asyncio
import os
import random

import pytest

from broker.trial.run import trial
from broker.wire.partition import Target
from broker.wire.producer import TRANSACTION_TIMEOUT_MS
from broker.wire.tail import open_reader

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.timeout(600)]

PAUSES = 4
SESSION_MS = 6000 if os.environ.get("LALI_TEST_KAFKA") else 1000
STEPS = 150
#: Looks in a row that must find a transaction open, a tenth of a second apart.
LOOKS = 5
#: How aiokafka answers for a transaction that was fenced, by where it was stopped: at once;
#: once its sender has failed; or, after a stall longer than a transaction may last, by its own
#: clock: the transaction's, or that of a batch not yet sent; or before it asks Kafka, by a lane
#: that another one has.
REFUSED = {
    "ProducerFenced", "IllegalOperation", "TimeoutError", "KafkaTimeoutError", "SUPERSEDED",
}  # fmt: skip


async def test_a_router_that_wakes_after_its_successor_releases_nothing(
    kafka, topics, tmp_path, say
):
    """Paused with a transaction open, each time; once for longer than a transaction may last."""
    codes = []
    seed = random.randrange(10**6)
    async with trial(
        kafka, topics, tmp_path, seed=seed, session_timeout_ms=SESSION_MS, deliver=False
    ) as it:
        it.crew.start("accept")
        it.crew.start("route")
        for number in range(PAUSES):
            publishing = asyncio.create_task(_publish(it))
            zombie = it.crew["route"]
            await _pause_in_a_transaction(it, zombie)
            position = await it.position("route")
            successor = it.crew.start("route")
            if number == PAUSES - 1:
                await asyncio.sleep(1.2 * TRANSACTION_TIMEOUT_MS / 1000)
            await publishing
            await it.until_past("route", position)
            assert successor.events("partition.opened")
            zombie.go_on()
            codes.append(await _code_of_waking(zombie))
            await asyncio.to_thread(zombie.stop)
        found = await it.judgement()

    say(f"chaos: seed {seed}, {PAUSES} routers paused, woke with {codes}, {found.figures}")
    assert found.faults == []
    assert found.figures["released"] > 0
    assert len(codes) == PAUSES
    assert set(codes) <= REFUSED


async def _publish(it):
    for _ in range(10):
        await it.stream.publish(STEPS // 10)


async def _pause_in_a_transaction(it, router):
    """Pause *router* while readers are held back by a transaction of its own."""
    ledger = [Target(it.parts.topics.ledger, n) for n in range(it.parts.topics.partitions)]
    stable = open_reader(it.parts.connection("stable"))
    all_written = open_reader(it.parts.connection("all"), committed=False)
    await asyncio.gather(stable.start(), all_written.start())
    try:
        async with asyncio.timeout(120):
            while True:
                router.pause()
                if await _is_held_back(stable, all_written, ledger):
                    return
                router.go_on()
                await asyncio.sleep(random.random() * 0.02)
    finally:
        await asyncio.gather(stable.stop(), all_written.stop())


async def _is_held_back(stable, all_written, ledger):
    """Whether readers stay held back: just after a commit they are for a moment, too.

    A router paused in that moment has nothing left that a successor could fence.
    """
    for _ in range(LOOKS):
        written = await all_written.end_offsets(ledger)
        if written == await stable.end_offsets(ledger):
            return False
        await asyncio.sleep(0.1)
    return True


async def _code_of_waking(zombie):
    try:
        async with asyncio.timeout(60):
            while not (restarts := zombie.events("route.restarted")):  # noqa: ASYNC110 - its log
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"it woke, and said no more than: {zombie.events()}")
    return restarts[0]["code"]
