"""B14, B15 on a real Kafka: nobody's poison and no trouble of ours stops another's alerts."""

import asyncio

import pytest
import pytest_asyncio
from bad_batches import CODECS, Made, builder, unnamed
from poisons import neighbour
from region import PACIFIC, Region

from broker.model.reason import Reason
from broker.pipeline import accept
from broker.policy.bundle import load_bundle
from broker.wire import codec
from broker.wire.producer import idempotent_producer
from broker.wire.tail import read_to_end

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

HOSTILE, HONEST = "fiji-immigration", "samoa-police"
#: So many MiB: beyond the bound, and packed by any codec no more than a broker takes.
MANY = 17


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(kafka):
    async with Region(kafka, load_bundle(PACIFIC), partitions=1) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def hostile(region):
    """Send a batch as it is to the intake of one unit."""
    producer = idempotent_producer(region.connection)
    await producer.start()

    async def send(batch):
        topic = region.topics.intake(HOSTILE)
        sent = await (await producer.send_batch(batch, topic, partition=0))
        return topic, 0, sent.offset

    yield send
    await producer.stop()


@pytest.mark.parametrize("name", [*CODECS, "unnamed"])
async def test_b14_a_batch_that_unpacks_without_end_is_set_aside_and_all_others_flow(
    region, hostile, name
):
    large = [(b"k", bytes(1 << 20))] * MANY
    bomb = unnamed() if name == "unnamed" else Made(builder(CODECS[name], *large))
    before = await region.publish(neighbour(HOSTILE))
    topic, partition, first = await hostile(bomb)
    last = first if name == "unnamed" else first + MANY - 1
    bad = (topic, partition, last)
    behind = [await region.publish(neighbour(unit)) for unit in (HOSTILE, HONEST)]

    entries = {each.source: each for each in await region.ends(before, bad, *behind)}

    reason = Reason.BATCH_UNREADABLE if name == "unnamed" else Reason.BATCH_TOO_LARGE
    assert (entries[bad].kind, entries[bad].reason) == ("QUARANTINED", reason)
    assert {entries[each].kind for each in (before, *behind)} == {"DECIDED"}
    kept = [
        codec.decode_trusted(each.value, "quarantine")
        async for each in read_to_end(region.connection, [region.topics.quarantine])
    ]
    assert len([each for each in kept if each["offset"] == last and each["value"]]) == 1


async def test_b15_one_intake_that_waits_for_us_holds_up_no_other(region, monkeypatch):
    checks, away, asked = accept.accept, asyncio.Event(), []

    def check(record, originator, *rest):
        if originator == HOSTILE and not away.is_set():
            asked.append(record.offset)
            raise OSError(28, "no space left")
        return checks(record, originator, *rest)

    monkeypatch.setattr(accept, "accept", check)
    waiting = [await region.publish(neighbour(HOSTILE)) for _ in range(3)]
    flowing = [await region.publish(neighbour(HONEST)) for _ in range(3)]

    assert {each.kind for each in await region.ends(*flowing)} == {"DECIDED"}
    async with asyncio.timeout(60):
        while len(asked) < 2:  # noqa: ASYNC110 - tried again, at the same place
            await asyncio.sleep(0.1)
    assert len(set(asked)) == 1
    away.set()
    assert {each.kind for each in await region.ends(*waiting)} == {"DECIDED"}
