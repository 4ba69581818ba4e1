"""One batch for many feeds: every feed reads the same records, in order, and only once."""

import asyncio

import pytest

from broker.wire.admin import apply_topics
from broker.wire.connection import Connection
from broker.wire.outbox import Fanout
from broker.wire.partition import Target
from broker.wire.producer import TransactionalProducer, TransactionFailed
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics, TopicSpec

pytestmark = pytest.mark.kafka

NAMES = ("alpha", "beta", "gamma", "source")


@pytest.fixture
async def named(connection: Connection, topics: Topics) -> dict[str, str]:
    names = {name: f"{topics.prefix}{name}" for name in NAMES}
    await apply_topics(connection, [TopicSpec(name, 1) for name in names.values()])
    return names


async def _values(connection: Connection, topic: str, least: int = 0) -> list[bytes | None]:
    # A commit is answered before its markers stand in every partition; readers see it then.
    for _ in range(100):
        values = [record.value async for record in read_to_end(connection, [topic])]
        if len(values) >= least:
            break
        await asyncio.sleep(0.1)
    return values


async def _commit(connection: Connection, producer: TransactionalProducer, outbox, source) -> None:
    await producer.commit(outbox, Target(source, 0), 1, f"group-{source}")


async def test_each_target_of_a_fanout_reads_every_record_once(connection, named):
    producer = TransactionalProducer(connection, f"{named['source']}-one")
    await producer.start()
    targets = [Target(named[name], 0) for name in ("alpha", "beta", "gamma")]
    fanout = Fanout(*targets)
    written = [f"record {n}".encode() * 50 for n in range(700)]

    for part in (written[:300], written[300:]):
        outbox = producer.outbox()
        for value in part:
            outbox.add(fanout, b"key", value)
        await _commit(connection, producer, outbox, named["source"])
    await producer.discard()

    for target in targets:
        assert await _values(connection, target.topic, len(written)) == written


async def test_records_beyond_one_batch_keep_their_order_in_every_copy(connection, named):
    producer = TransactionalProducer(connection, f"{named['source']}-long")
    await producer.start()
    fanout = Fanout(Target(named["alpha"], 0), Target(named["beta"], 0))
    written = [n.to_bytes(4, "big") * 5000 for n in range(200)]  # 4 MB, batches hold 512 KiB

    outbox = producer.outbox()
    for value in written:
        outbox.add(fanout, b"key", value)
    await _commit(connection, producer, outbox, named["source"])
    await producer.discard()

    assert await _values(connection, named["alpha"], len(written)) == written
    assert await _values(connection, named["beta"], len(written)) == written


async def test_what_is_sealed_comes_before_what_another_fanout_adds_later(connection, named):
    producer = TransactionalProducer(connection, f"{named['source']}-seal")
    await producer.start()
    alone = Fanout(Target(named["alpha"], 0))
    both = Fanout(Target(named["alpha"], 0), Target(named["beta"], 0))

    outbox = producer.outbox()
    outbox.add(alone, b"other", b"opens the batch of its own first")
    outbox.add(both, b"key", b"revision 1")
    outbox.seal()
    outbox.add(alone, b"key", b"recall of revision 1")
    await _commit(connection, producer, outbox, named["source"])
    await producer.discard()

    read = await _values(connection, named["alpha"], 3)
    assert read.index(b"revision 1") < read.index(b"recall of revision 1")
    assert await _values(connection, named["beta"], 1) == [b"revision 1"]


async def test_copies_are_invisible_until_the_transaction_commits(connection, named):
    producer = TransactionalProducer(connection, f"{named['source']}-open")
    successor = TransactionalProducer(connection, f"{named['source']}-open")
    await producer.start()
    fanout = Fanout(Target(named["alpha"], 0), Target(named["beta"], 0))

    await successor.start()  # fences the first
    outbox = producer.outbox()
    outbox.add(fanout, b"key", b"from the fenced one")
    with pytest.raises(TransactionFailed):
        await _commit(connection, producer, outbox, named["source"])
    await asyncio.gather(producer.discard(), successor.discard())

    assert await _values(connection, named["alpha"]) == []
    assert await _values(connection, named["beta"]) == []


async def test_a_record_too_large_for_one_target_fails_for_good_and_writes_nothing(
    connection, topics
):
    small, large, source = (f"{topics.prefix}{name}" for name in ("small", "large", "source"))
    limit = {"max.message.bytes": "2000"}
    specs = [TopicSpec(small, 1, config=limit), TopicSpec(large, 1), TopicSpec(source, 1)]
    await apply_topics(connection, specs)
    producer = TransactionalProducer(connection, f"{source}-large")
    await producer.start()

    outbox = producer.outbox()
    outbox.add(Fanout(Target(small, 0), Target(large, 0)), b"key", bytes(range(256)) * 20)
    outbox.add(Fanout(Target(large, 0)), b"key", _noise(9000))
    outbox.add(Fanout(Target(small, 0), Target(large, 0)), b"key", _noise(9000))
    with pytest.raises(TransactionFailed) as failed:
        await _commit(connection, producer, outbox, source)
    await producer.discard()

    assert failed.value.for_good
    assert await _values(connection, large) == []


def _noise(size: int) -> bytes:
    # Does not compress.
    import random

    return random.Random(size).randbytes(size)
