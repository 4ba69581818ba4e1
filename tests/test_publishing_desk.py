"""The publishing desk: what Kafka did not take waits, or is refused, and nothing stays shut."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import pytest

from broker.errors import KafkaUnavailable
from broker.gateway.publishing import Outgoing, PublishingDesk
from broker.gateway.spool import Spool
from broker.wire.connection import Connection
from broker.wire.topics import Topics


class Kafka:
    """Stands for the sender: away until it is said to be there."""

    def __init__(self):
        self.away, self.sent = True, []

    async def begin(self, topic, key, value):
        return asyncio.ensure_future(self.send(topic, key, value))

    async def send(self, _topic, _key, value):
        if self.away:
            raise KafkaUnavailable("TimeoutError")
        self.sent.append(value)
        return SimpleNamespace(partition=0, offset=len(self.sent))


@pytest.fixture
def desk(tmp_path):
    spool = Spool(tmp_path, 1 << 20)
    made = PublishingDesk(Connection("127.0.0.1:1"), Topics(), spool, keeps=True)
    made._sending = made.draining._sending = Kafka()
    return made


async def test_plain_alerts_that_missed_kafka_go_out_once_it_is_back(desk):
    plain = Outgoing(uuid4(), 1, b"plain", sealed=False)
    assert await desk.publish("a-unit", [plain]) == ["unavailable"]
    desk._sending.away = False

    assert await desk.publish("a-unit", [plain]) == ["published"]


async def test_behind_what_waits_everything_waits(desk):
    first, second = (Outgoing(uuid4(), n, b"%d" % n, sealed=True) for n in (1, 2))
    assert await desk.publish("a-unit", [first]) == ["spooled"]
    desk._sending.away = False

    assert await desk.publish("a-unit", [second]) == ["spooled"]
    assert desk._sending.sent == []
