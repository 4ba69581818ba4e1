"""What a client attempts on a protected cluster, and in which words it is refused."""

import dataclasses
import traceback

import pytest

from broker.client import Subscriber
from broker.errors import KafkaUnavailable
from broker.wire.admin import list_topics
from broker.wire.sender import Sender

UNIT, OTHER = "fiji-tcu", "samoa-tcu"
OWN_FEED, OTHERS_FEED = "fiji-tcu-investigate", "samoa-tcu-investigate"


def with_security(connection, **changes):
    security = dataclasses.replace(connection.security, **changes)
    return dataclasses.replace(connection, security=security, request_timeout_ms=8_000)


async def refusal(connection, password):
    """Return why every kind of client is refused: one and the same line, without a secret."""
    said = set()
    for attempt in (_lists, _sends, _follows):
        with pytest.raises(KafkaUnavailable) as refused:
            await attempt(connection)
        said.add(str(refused.value))
        shown = "".join(traceback.format_exception(refused.value))
        assert password.get_secret_value() not in shown
    (line,) = said
    assert "\n" not in line
    return line, refused.type


async def _lists(connection):
    await list_topics(connection)


async def _sends(connection):
    sender = Sender(connection)
    await sender.start()
    await sender.stop()


async def _follows(connection):
    async with Subscriber(connection, OWN_FEED):
        pass


async def send(connection, topic):
    sender = Sender(connection)
    await sender.start()
    try:
        await sender.send(topic, b"key", b"value")
    finally:
        await sender.stop()


async def read(connection, feed, group, parts):
    async with Subscriber(connection, feed, group, topics=parts.topics, to_end=True) as releases:
        return [release async for release in releases]
