"""B20: nothing but a stop that was asked for ends a loop of a role."""

import asyncio
import contextlib

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from broker.pipeline.deliver import Deliver
from broker.pipeline.restarts import Restarts
from broker.pipeline.supervise import supervise
from broker.wire.bounded_consumer import new_consumer
from broker.wire.connection import Connection
from broker.wire.topics import Topics

_PATIENCE_SECONDS = 60


class Loop:
    """A loop that ends in each of *ways* once, and then works until it is stopped."""

    def __init__(self, *ways):
        self.ways = list(ways)
        self.runs = 0
        self.cancelled = 0
        self.works = asyncio.Event()

    async def __call__(self):
        self.runs += 1
        if self.ways:
            way = self.ways.pop(0)
            if way is None:
                return
            raise way
        self.works.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def supervised(loop, stopping, **options):
    restarts = Restarts("accept", stopping, 0.001, 0.001)
    return asyncio.create_task(supervise(loop, stopping, restarts, **options))


WAYS = {
    "an unforeseen fault": ValueError(),
    "a cluster that is away": KafkaConnectionError(),
    "a cancellation that nobody asked for": asyncio.CancelledError(),
    "no reason at all": None,
    "memory": MemoryError(),
    "the end of another's timeout": TimeoutError(),
    "a generator that is over": StopAsyncIteration(),
}


@pytest.mark.parametrize("way", WAYS)
async def test_b20_whatever_ends_a_loop_it_runs_anew(way):
    loop, stopping = Loop(WAYS[way], WAYS[way]), asyncio.Event()
    with capture_logs() as said:
        task = supervised(loop, stopping)
        await asyncio.wait_for(loop.works.wait(), _PATIENCE_SECONDS)

    assert (loop.runs, task.done()) == (3, False)
    assert said, "no loop ends in silence"
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert loop.cancelled == 1


async def test_b20_who_is_cancelled_ends_and_its_loop_with_it():
    loop, stopping = Loop(), asyncio.Event()
    task = supervised(loop, stopping)
    await loop.works.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert (loop.runs, loop.cancelled) == (1, 1)


async def test_b20_a_loop_that_is_asked_to_stop_ends():
    stopping = asyncio.Event()

    async def loop():
        await stopping.wait()

    task = supervised(loop, stopping)
    await asyncio.sleep(0)
    stopping.set()

    await asyncio.wait_for(task, _PATIENCE_SECONDS)


async def test_b20_a_cancellation_out_of_a_consumers_stop_is_not_its_callers():
    """aiokafka's fetcher lets the cancellation of a fetch that hangs out of `stop`."""
    consumer = new_consumer(bootstrap_servers="127.0.0.1:9")
    hanging = [asyncio.create_task(asyncio.Event().wait()) for _ in range(3)]
    closed = []

    class Client:
        async def close(self):
            closed.append(True)

    class Fetcher:
        def __init__(self):
            self._pending_tasks = set(hanging)

        async def close(self):
            for each in hanging:
                each.cancel()
                await each

    await asyncio.sleep(0)
    consumer._fetcher, consumer._client, consumer._coordinator = Fetcher(), Client(), None

    await consumer.stop()

    assert closed == [True]
    assert all(each.cancelled() for each in hanging)


async def test_b20_deliver_waits_for_a_cluster_that_is_away_at_its_start():
    nowhere = Connection("127.0.0.1:9", request_timeout_ms=300)
    role = Deliver(nowhere, Topics(), None, {})
    with capture_logs() as said:
        running = asyncio.create_task(role.run())
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not said:  # noqa: ASYNC110 - its log
                await asyncio.sleep(0.05)
    assert not running.done()
    assert said[0]["event"] == "kafka.awaited"
    role.stop()
    await asyncio.wait_for(running, _PATIENCE_SECONDS)


async def test_b20_a_feeds_loop_that_is_cancelled_by_its_client_goes_on(monkeypatch):
    """In a feed's task the same cancellation ended that feed, and nobody was told."""
    loop = Loop(asyncio.CancelledError())
    role = Deliver(Connection("127.0.0.1:9"), Topics(), None, {"one": None})
    monkeypatch.setattr(role, "_run_feed", lambda *_: loop())
    keeping = asyncio.create_task(role._keep_feed_going(None, "one", None))

    await asyncio.wait_for(loop.works.wait(), _PATIENCE_SECONDS)

    assert not keeping.done()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
