"""A partition that is lost while it is handed over: what was read of it is its next owner's."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

from broker.pipeline.feed_delivery import FeedDelivery
from broker.pipeline.feed_partitions import Lane
from broker.wire.consumer import NotOurs


class Lost:
    """Partitions of which the first was taken over, as a rebalance does while one is paused."""

    def __init__(self):
        self.lanes = {n: Lane(SimpleNamespace(topic="feed.x", partition=n), 0) for n in (0, 1)}
        self.asked = []

    @asynccontextmanager
    async def held(self, number):
        self.asked.append(number)
        if number == 0:
            raise NotOurs
        yield self.lanes[number]

    def lose(self, number):
        self.lanes.pop(number, None)


async def test_what_was_read_of_a_lost_partition_holds_up_no_other():
    """Deliver asked for it for ever, and for nothing else, at the full speed of a core."""
    partitions, taken = Lost(), []
    for number, lane in partitions.lanes.items():
        lane.add([SimpleNamespace(offset=n, partition=number) for n in range(3)])
    delivery = object.__new__(FeedDelivery)
    delivery._feed = "x"
    delivery._partitions = partitions
    delivery._ends = SimpleNamespace(disown=lambda _: None)
    delivery._room = SimpleNamespace(due=list, is_full=False, forget=lambda _: None)
    delivery._breaker = SimpleNamespace(was_asked=False)

    async def ended(record):
        await asyncio.sleep(0)
        taken.append((record.partition, record.offset))

    delivery._to_be_handed_over = ended
    await asyncio.wait_for(delivery._hand_over(), 10)

    assert taken == [(1, 0), (1, 1), (1, 2)]
    assert partitions.asked == [0, 1, 1, 1]
