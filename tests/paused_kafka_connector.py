"""A process that writes one release to a partner's Kafka, and stops itself on the way there.

Its arguments: where the partner's cluster is, the topic, and where to stop. It stops behind the
look at what may be handed over, before anything is on the network.
"""

import asyncio
import os
import signal
import sys

from aiokafka.errors import NotLeaderForPartitionError
from aiokafka.protocol.produce import ProduceRequest

from broker.connector import permit_of
from broker.errors import RecipientUnavailable
from broker.testing import make_alert, make_release
from connectors import make_connector


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def before(owner, name, act):
    """Do *act* once before `owner.name` is called with something to send."""
    original, left = getattr(owner, name), [act]

    def called(*args, **named):
        is_produce = name != "send" or isinstance(args[1], ProduceRequest)
        if left and is_produce:
            left.pop()()
        return original(*args, **named)

    setattr(owner, name, called)


def fail_and_stop_before_the_next(client):
    """Let the first attempt fail as if its leader had moved, and stop before the second."""

    def fail():
        before(client, "send", stop)
        raise NotLeaderForPartitionError

    before(client, "send", fail)


PLACES = {
    "queued": lambda producer: before(producer, "_partition", stop),
    "connection": lambda producer: before(producer.client, "send", stop),
    "again": lambda producer: fail_and_stop_before_the_next(producer.client),
}


async def main(servers: str, topic: str, place: str) -> None:
    settings = {"bootstrap_servers": servers, "topic": topic}
    connector = make_connector("kafka", settings, "a-feed")
    await connector.open()
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            PLACES[place](connector._sender._producer)

    for _ in range(2):
        with permit_of(look):
            try:
                await connector.deliver(make_release(make_alert()))
                sys.stdout.write(f"TAKEN {looks}\n")
            except RecipientUnavailable as away:
                sys.stdout.write(f"{away.code} {looks}\n")
    await connector.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
