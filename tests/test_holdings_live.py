"""What deliver and the gateway know of the ledger, on a real Kafka: never less than is written."""

import asyncio
import contextlib
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from broker.clock import epoch_ms
from broker.pipeline.holdings import Holdings, LedgerBehind
from broker.testing import alert_id_of
from broker.wire import codec
from broker.wire.admin import apply_topics

pytestmark = pytest.mark.kafka

ALERT = alert_id_of(21)


@pytest.fixture
async def holdings(connection, topics):
    await apply_topics(connection, topics.specs([], ["a-feed"]))
    made = Holdings(connection, topics)
    following = asyncio.create_task(made.follow())
    await asyncio.wait_for(made.ready(), 60)
    yield made
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


@pytest.fixture
async def producer(connection):
    made = AIOKafkaProducer(
        bootstrap_servers=connection.servers(), transactional_id=f"t.{uuid.uuid4()}"
    )
    await made.start()
    yield made
    await made.stop()


async def write(producer, topics, partition=0):
    """Write a ledger entry of ALERT into the transaction under way."""
    at = epoch_ms() + 3_600_000
    holder = {"feed": "a-feed", "revision": 1, "profile": 1, "recalled": False}
    entry = {
        "alert_id": ALERT.bytes, "revision": 1, "digest": b"d" * 32, "expires_at": at,
        "retain_until": at, "label": b"", "distribution": b"", "present": 1, "cancelled": False,
        "originator": "fiji-immigration", "plan_digest": b"p" * 32, "holders": [holder],
    }  # fmt: skip
    value = codec.encode("ledger-entry", entry)
    key = str(ALERT).encode()
    await producer.send_and_wait(topics.ledger, value, key=key, partition=partition)


async def test_an_entry_whose_transaction_is_not_seen_to_end_is_waited_for(
    holdings, producer, topics
):
    # A commit reaches one partition before another: a feed's record may be read while the
    # ledger's is not yet. That is no alert that was forgotten.
    await producer.begin_transaction()
    await write(producer, topics)

    with pytest.raises(LedgerBehind):
        await holdings.find(ALERT, 1, 2)

    finding = asyncio.create_task(holdings.find(ALERT, 1, 60))
    await asyncio.sleep(1)
    assert not finding.done()
    await producer.commit_transaction()
    found = await finding
    assert found is not None
    assert found.shares["a-feed"].revision == 1


async def test_what_was_aborted_or_never_written_is_not_there(holdings, producer, topics):
    await producer.begin_transaction()
    await write(producer, topics)
    await producer.abort_transaction()

    assert await holdings.find(ALERT, 1, 60) is None
    assert await holdings.find(alert_id_of(22), 1, 60) is None


async def test_an_entry_that_is_there_does_not_wait_for_a_transaction_that_is_open_behind_it(
    holdings, producer, topics, connection
):
    await producer.begin_transaction()
    await write(producer, topics)
    finding = asyncio.create_task(holdings.find(ALERT, 1, 60))
    await asyncio.sleep(0.5)
    await producer.commit_transaction()
    await producer.begin_transaction()
    await producer.send_and_wait(topics.ledger, b"", key=b"another", partition=0)

    assert await asyncio.wait_for(finding, 30) is not None  # and the second is open still
    await producer.abort_transaction()
