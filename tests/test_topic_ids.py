"""Asking for topics' ids while Kafka is away holds nobody up."""

import asyncio
import socket
import threading

from broker.wire.connection import Connection
from broker.wire.topic_ids import topic_ids


def test_who_stops_does_not_wait_for_an_answer_that_does_not_come():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = set(threading.enumerate())

        async def asked_and_stopped():
            connection = Connection(f"127.0.0.1:{silent.getsockname()[1]}")
            asking = asyncio.create_task(topic_ids(connection, ["alerts"]))
            await asyncio.to_thread(silent.accept)  # the question is on its way
            asking.cancel()
            await asyncio.wait([asking])
            return asking.cancelled()

        assert asyncio.run(asked_and_stopped())
        left = set(threading.enumerate()) - before
        assert [thread.daemon for thread in left if thread.name == "topic-ids"] == [True]
