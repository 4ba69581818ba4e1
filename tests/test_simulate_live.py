"""The real pipeline makes of every simulated step what the scenario says it must."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime

import pytest

from broker.audit.balance import balance, read_disclosed, read_published
from broker.audit.log import read_audit
from broker.pipeline.accept import Accept
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.resources import shipped
from broker.simulate import Expectation, Scenario, canaries_in, canaries_of, past_start
from broker.wire import codec
from broker.wire.admin import apply_topics
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(shipped("policies") / "pacific")


async def test_every_step_ends_as_the_scenario_says(connection, topics, bundle):
    scenario = Scenario(
        seed=11,
        alerts=80,
        days=3,
        community=bundle.community,
        start=past_start(datetime.now(UTC), 3),
    )
    steps = list(scenario)
    units, feeds = bundle.community.publishers(), list(bundle.community.feeds)
    await apply_topics(connection, topics.specs(units, feeds))
    roles = [
        Accept(connection, topics, units),
        Router(connection, topics, Decider(bundle).plan),
    ]
    running = [asyncio.create_task(role.run()) for role in roles]
    try:
        await _send(connection, topics, steps)
        log = await _settled(connection, topics, len(steps))
    finally:
        for role in roles:
            role.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), 30)

    said = Counter(entry.kind for entry in log.of("DECIDED", "DUPLICATE", "QUARANTINED"))
    told = Counter(step.expectation for step in steps)
    assert said["DECIDED"] == told[Expectation.ACCEPTED]
    assert said["DUPLICATE"] == told[Expectation.DUPLICATE]
    assert said["QUARANTINED"] == told[Expectation.QUARANTINED]

    reasons = Counter(entry.reason for entry in log.of("QUARANTINED"))
    assert reasons == Counter(step.reason.value for step in steps if step.reason)

    published = await read_published(connection, topics, units)
    disclosed = await read_disclosed(connection, topics, feeds)
    books = balance(published, log, disclosed)
    assert books.holds, books
    assert books.released > 0
    assert books.recalled > 0

    await _assert_nothing_quarantined_was_disclosed(connection, topics, feeds, steps)
    await _assert_originals_are_kept(connection, topics, steps)


async def _send(connection, topics, steps):
    sender = Sender(connection)
    await sender.start()
    try:
        for step in steps:
            await sender.send(topics.intake(step.originator), step.key, step.value)
    finally:
        await sender.stop()


async def _settled(connection, topics, steps):
    async with asyncio.timeout(120):
        while True:
            log = await read_audit(connection, topics)
            if len(list(log.of("DECIDED", "DUPLICATE", "QUARANTINED"))) >= steps:
                return log
            await asyncio.sleep(1)


async def _assert_nothing_quarantined_was_disclosed(connection, topics, feeds, steps):
    accepted = {
        c for s in steps if s.expectation is Expectation.ACCEPTED for c in canaries_of(s.alert)
    }
    never = {c for step in steps for c in canaries_of(step.alert)} - accepted
    names = [topics.feed(feed) for feed in feeds]
    seen: set[str] = set()
    async for record in read_to_end(connection, names):
        seen |= canaries_in(record.value)

    assert never
    assert seen
    assert seen <= accepted


async def _assert_originals_are_kept(connection, topics, steps):
    kept = Counter()
    async for record in read_to_end(connection, [topics.quarantine]):
        kept[codec.decode_trusted(record.value, "quarantine")["value"]] += 1

    assert kept == Counter(
        step.value for step in steps if step.expectation is Expectation.QUARANTINED
    )
