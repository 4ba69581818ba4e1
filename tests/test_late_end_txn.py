"""A transaction's requests that arrive after its producer was given up, on a real Kafka.

aiokafka speaks the transaction protocol from before KIP-890: a request names producer and epoch,
and not the transaction. What a network held back of a zombie is sent here when its successor's
transaction is under way. Rule 4 of route (a new producer after any fault) raises the epoch, and
so the broker refuses it; sent before that, it is the zombie's own end, and the offset tells.
"""

import asyncio

import pytest
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import for_code
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest
from faults.oracle import Verdict
from faults.withholding import ADD_PARTITIONS, END_TXN, PRODUCE, Withholding

from broker.wire.admin import apply_topics, committed_offsets
from broker.wire.outbox import Fanout
from broker.wire.partition import Target
from broker.wire.producer import TransactionalProducer, TransactionFailed
from broker.wire.tail import read_to_end
from broker.wire.topics import TopicSpec

pytestmark = pytest.mark.kafka

FENCED = {"InvalidProducerEpoch", "ProducerFenced", "InvalidTxnState", "InvalidProducerIdMapping"}


@pytest.fixture
async def names(connection, topics):
    made = {name: f"{topics.prefix}{name}" for name in ("out", "source")}
    await apply_topics(connection, [TopicSpec(name, 1) for name in made.values()])
    return made


class Zombie:
    """A producer whose transaction is under way when it is given up."""

    def __init__(self, connection, names):
        self.name = f"{names['source']}-late"
        self.made = TransactionalProducer(connection, self.name)

    async def stall(self, names):
        await self.made.start()
        inner = self.made._producer
        await inner.begin_transaction()
        await inner.send_and_wait(names["out"], b"of the zombie", partition=0)
        await inner.send_offsets_to_transaction({Target(names["source"], 0): 7}, names["source"])
        manager = inner._txn_manager
        self.identity = (self.name, manager.producer_id, manager.producer_epoch)

    def held_end(self, *, commits):
        return EndTxnRequest(*self.identity, commits)

    def held_partitions(self, names):
        return AddPartitionsToTxnRequest(*self.identity, [(names["out"], [0])])


async def _arrive(through, name, request):
    """Send what was held back, by another connection; return the broker's answer."""
    client = through._producer.client
    node = await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
    await client.ready(node, group=ConnectionGroup.COORDINATION)
    answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
    code = answer.errors[0][1][0][1] if hasattr(answer, "errors") else answer.error_code
    return for_code(code).__name__


async def _values(connection, names, least):
    async with asyncio.timeout(60):
        while True:
            found = [r.value async for r in read_to_end(connection, [names["out"]])]
            if len(found) >= least:
                return found
            await asyncio.sleep(0.2)


def _tell(tell_fault, name, found, early=()):
    """Put what a reader of committed records found into the table of faults."""
    lost = [] if b"of the successor" in found else ["the successor's"]
    verdict = Verdict(lost, [each for each in found if found.count(each) > 1])
    verdict.leaked = [each for each in (*early, *found) if each != b"of the successor"] + list(
        early
    )
    tell_fault(name, 2, verdict, 0)


@pytest.mark.parametrize("commits", [True, False])
async def test_a_late_end_of_a_zombie_ends_nothing_of_its_successors(
    connection, names, commits, tell_fault
):
    zombie = Zombie(connection, names)
    await zombie.stall(names)
    successor = TransactionalProducer(connection, zombie.name)
    await successor.start()  # rule 4: the epoch rises, and what the zombie left open is aborted
    inner = successor._producer
    await inner.begin_transaction()
    await inner.send_and_wait(names["out"], b"of the successor", partition=0)

    ended = await _arrive(successor, zombie.name, zombie.held_end(commits=commits))
    added = await _arrive(successor, zombie.name, zombie.held_partitions(names))

    early = await _values(connection, names, 0)
    await inner.commit_transaction()
    found = await _values(connection, names, 1)
    _tell(
        tell_fault, f"late EndTxn ({'commit' if commits else 'abort'}), AddPartitions", found, early
    )
    assert {ended, added} <= FENCED
    assert (early, found) == ([], [b"of the successor"])
    assert await committed_offsets(connection, names["source"]) == {}
    await asyncio.gather(zombie.made.discard(), successor.discard())


async def test_an_end_that_arrives_before_the_epoch_rises_is_the_zombies_own_and_is_seen(
    connection, names
):
    zombie = Zombie(connection, names)
    await zombie.stall(names)
    other = TransactionalProducer(connection, f"{zombie.name}-other")
    await other.start()

    assert await _arrive(other, zombie.name, zombie.held_end(commits=True)) == "NoError"
    successor = TransactionalProducer(connection, zombie.name)
    await successor.start()

    # What a lane asks after every renewal: the zombie's transaction came to pass.
    assert await committed_offsets(connection, names["source"]) == {Target(names["source"], 0): 7}
    assert await _values(connection, names, 1) == [b"of the zombie"]
    await asyncio.gather(zombie.made.discard(), other.discard(), successor.discard())


async def test_a_late_record_of_a_zombie_is_refused(connection, names, tell_fault):
    zombie = Zombie(connection, names)
    await zombie.stall(names)
    successor = TransactionalProducer(connection, zombie.name)
    await successor.start()
    outbox = successor.outbox()
    outbox.add(Fanout(Target(names["out"], 0)), b"k", b"of the successor")
    late = asyncio.ensure_future(
        zombie.made._producer.send_and_wait(names["out"], b"too late", partition=0)
    )
    await asyncio.wait([late], timeout=20)

    await successor.commit(outbox, Target(names["source"], 0), 1, names["source"])

    found = await _values(connection, names, 1)
    _tell(tell_fault, "late Produce", found)
    assert found == [b"of the successor"]
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    await asyncio.gather(zombie.made.discard(), successor.discard())


HELD = {"EndTxn": END_TXN, "AddPartitions": ADD_PARTITIONS, "Produce": PRODUCE}


@pytest.mark.parametrize("held", HELD)
async def test_what_a_network_held_back_of_a_producer_changes_nothing_of_its_successors(
    connection, names, held, tell_fault
):
    """As route meets it: its commit takes too long, and it goes on with a new producer."""
    network, name = Withholding(HELD[held]), f"{names['source']}-late"
    zombie = TransactionalProducer(connection, name)
    with network.between():
        await zombie.start()
        zombie._timeout = 3
        with pytest.raises(TransactionFailed) as failed:
            await zombie.commit(*_one(zombie, names, b"of the zombie", 7))
    assert failed.value.timed_out
    assert network.waiting == 1
    await zombie.discard()

    successor = TransactionalProducer(connection, name)
    await successor.start()
    inner = successor._producer
    await inner.begin_transaction()
    await inner.send_and_wait(names["out"], b"of the successor", partition=0)
    network.let_go()
    async with asyncio.timeout(30):
        while not network.answered:  # noqa: ASYNC110 - Kafka answers
            await asyncio.sleep(0.05)
    early = await _values(connection, names, 0)
    await inner.commit_transaction()

    found = await _values(connection, names, 1)
    _tell(tell_fault, f"{held} held back by a network", found, early)
    assert (early, found) == ([], [b"of the successor"])
    assert await committed_offsets(connection, names["source"]) == {}
    await asyncio.gather(successor.discard(), network.close())


def _one(producer, names, value, offset):
    """Return what `commit` takes, of one record and the offset behind it."""
    outbox = producer.outbox()
    outbox.add(Fanout(Target(names["out"], 0)), b"k", value)
    return outbox, Target(names["source"], 0), offset, names["source"]
