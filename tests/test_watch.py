"""Whoever only watches stops nobody, whatever happens to it."""

import asyncio

import pytest
from scraping import Scrape

from broker.errors import KafkaUnavailable
from broker.metrics.lag import Waiting, show_lag
from broker.pipeline.watch import watch
from broker.wire.connection import Connection
from broker.wire.lag import TopicLag
from broker.wire.topics import Topics


class Breaks:
    """A reader of lag to whom everything happens, once each."""

    def __init__(self, *faults):
        self.faults = list(faults)
        self.asked = 0

    async def read(self):
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)
        return [TopicLag("alerts", 7, 1000)]

    def waiting(self):
        return {}

    def silent(self):
        return []

    async def stop(self):
        raise RuntimeError("SYNTHETIC")


async def test_faults_of_a_watch_are_passed_over_and_it_asks_again():
    looking = watch("route", Connection("127.0.0.1:1"), Topics(), [], [])
    looking._lag = Breaks(KafkaUnavailable("UNREACHABLE"), ValueError("SYNTHETIC"))
    looking._every = 0.01
    running = asyncio.create_task(looking.run())
    async with asyncio.timeout(60):
        while looking._lag.asked < 4:  # noqa: ASYNC110 - it is asked now and then
            await asyncio.sleep(0.01)
    assert not running.done()
    assert Scrape()("lali_lag_records", role="route", topic="alerts") == 7
    looking.stop()
    await asyncio.wait_for(running, 60)
    assert Scrape()("lali_role_up", role="route") == 0


async def test_a_cluster_that_is_not_there_is_waited_for():
    looking = watch("route", Connection("127.0.0.1:1", request_timeout_ms=500), Topics(), [], [])
    looking._every = 0.01
    running = asyncio.create_task(looking.run())
    await asyncio.sleep(1)
    assert not running.done()
    looking.stop()
    await asyncio.wait_for(running, 60)


@pytest.mark.parametrize(("waits", "age"), [((), 0.0), ((4000,), 6.0), ((4000, 1000), 9.0)])
def test_the_age_is_that_of_the_oldest_and_grows_while_nobody_asks(waits, age):
    now = [10.0]
    found = [Waiting("intake", None, 1, oldest) for oldest in waits]
    show_lag("accept", found or [Waiting("intake", None, 0, None)], lambda: now[0])
    assert Scrape()("lali_lag_seconds", role="accept", topic="intake") == age
    now[0] = 11.0
    later = Scrape()("lali_lag_seconds", role="accept", topic="intake")
    assert later == (age + 1 if age else 0)
