"""The mark of a later revision waits for the audit entries of the earlier ones."""

import asyncio
from types import SimpleNamespace
from uuid import UUID

from broker.pipeline.delivery_records import delivery_mark
from broker.pipeline.delivery_writer import DeliveryWriter, Entry
from broker.testing import make_recall
from broker.wire.topics import Topics

ALERT, OTHER = UUID(int=5), UUID(int=6)
TOPICS = Topics("", partitions=1)


class Written:
    """A producer that notes what it was given, in order."""

    def __init__(self):
        self.order = []

    async def send(self, topic, value, **_):
        self.order.append(value if topic == TOPICS.audit else "mark")
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def record(alert_id):
    return SimpleNamespace(key=str(alert_id).encode(), partition=0)


async def order_after(alert_id):
    """Write the entry of a first revision again; settle the second one of *alert_id*."""
    producer = Written()
    writer = DeliveryWriter(producer, TOPICS, "a-feed", SimpleNamespace(note=lambda _: None))
    writer.entry(record(ALERT), Entry(b"first"))
    second = delivery_mark("a-feed", make_recall(alert_id, 2), "DELIVERED", 1, bytes(32), held=True)
    await writer.settle(record(alert_id), second, Entry(b"second"))
    await writer.flush()
    return producer.order


async def test_an_entry_written_again_is_there_before_the_mark_of_a_later_revision():
    # Killed between that mark and the entries, nobody would write the first one's any more.
    assert await order_after(ALERT) == [b"first", "mark", b"second"]


async def test_other_alerts_share_one_flush():
    assert await order_after(OTHER) == ["mark", b"first", b"second"]
