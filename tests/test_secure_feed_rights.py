"""B13 on a protected Kafka: route without the right to one feed lets everybody else's flow."""

import asyncio

import pytest
import pytest_asyncio
from kafka.admin import ACLOperation, ResourceType
from region import TCU, Region, again, feeds_of
from secured import provisioned

from broker.audit.log import read_audit
from broker.pipeline.accept import Accept
from broker.pipeline.router import Router
from broker.policy.decide import Decider
from broker.testing import make_alert
from broker.wire import provision as rights
from broker.wire.acls import acl_of
from broker.wire.identity import ADMIN
from broker.wire.rights import Kind, Operation, Right
from broker.wire.sender import Sender
from broker.wire.wide_client import wide_client

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


class Protected(Region):
    """The roles as their own principals, on a cluster that grants what they need."""

    def __init__(self, parts):
        self.parts = parts
        self.connection = parts.connection_of(ADMIN)
        self.topics = parts.topics
        self.bundle = parts.decider.bundle
        self.units = self.bundle.community.publishers()
        self.feeds = list(self.bundle.community.feeds)
        self.sender = Sender(self.connection)
        self.router = self.new_router()
        self._roles = [Accept(parts.connection("accept"), self.topics, self.units), self.router]
        self._running = []

    def new_router(self):
        decider = Decider(self.bundle)
        connection = self.parts.connection("route")
        return Router(connection, self.topics, decider.plan, pay_seconds=0.5)

    async def __aenter__(self):
        await self.sender.start()
        self._running = [asyncio.create_task(role.run()) for role in self._roles]
        return self

    async def begin_anew(self):
        """Let another router take over, with the rights that there are now."""
        self.router.stop()
        await self._running[1]
        self._roles[1] = self.router = self.new_router()
        self._running[1] = asyncio.create_task(self.router.run())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(secure_kafka):
    parts = await asyncio.to_thread(provisioned, secure_kafka, "feedrights.", protection="off")
    async with Protected(parts) as running:
        yield running


def _take_rights(region, *, may_see):
    """Take route's right to write a feed; leave or take the right to see that it is there."""
    principal, topic = region.parts.principals().role("route"), region.topics.feed(TCU)
    with wide_client(region.connection) as client:
        held = {
            acl for acl in rights._describe(client)
            if acl.principal == f"User:{principal}"
            and acl.resource_pattern.resource_type is ResourceType.TOPIC
            and acl.resource_pattern.resource_name == topic
        }  # fmt: skip
        assert {acl.operation for acl in held} >= {ACLOperation.WRITE}
        if may_see:
            seeing = acl_of(Right(principal, Kind.TOPIC, topic, Operation.DESCRIBE))
            rights._create(client, {seeing} - held)
            rights._await(client, lambda acls: seeing in acls)
            held.discard(seeing)
        rights._delete(client, held)
        rights._await(client, lambda acls: not held & set(acls))


def _give_back(region):
    with wide_client(region.connection) as client:
        rights.apply_acls(client, region.parts.rights())


async def _entries(region, kind):
    log = await read_audit(region.connection, region.topics)
    return [entry for entry in log.entries if entry.kind == kind]


async def _more(region, kind, before):
    async with asyncio.timeout(180):
        while len(found := await _entries(region, kind)) <= before:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    return found


@pytest.mark.parametrize("may_see", [False, True], ids=["not even to see it", "but to see it"])
@pytest.mark.parametrize("restarted", [False, True], ids=["under way", "and a restart"])
async def test_b13_without_the_right_to_a_feed_its_neighbours_flow_and_it_gets_all_later(
    region, may_see, restarted
):
    earlier = make_alert()
    await region.end(earlier)
    assert TCU in feeds_of(await region.in_feeds(earlier, 1), 1)
    aside, resumed = [len(await _entries(region, f"FEED_{k}")) for k in ("SET_ASIDE", "RESUMED")]
    await asyncio.to_thread(_take_rights, region, may_see=may_see)
    if restarted:
        await region.begin_anew()

    alerts = [make_alert() for _ in range(4)]  # in both partitions, most likely
    for alert in alerts:
        await region.end(alert)
    cancel = await region.end(again(earlier, 2, message_type="CANCEL"))
    assert TCU in cancel.recalled
    others = feeds_of(await region.in_feeds(alerts[0], 5), 1)
    assert others
    assert TCU not in others
    for each in (*alerts, earlier):
        assert not [key for key in await region.in_feeds(each) if key[0] == TCU and key[1] != 1]
    found = await _more(region, "FEED_SET_ASIDE", aside)
    assert {(e.feed, e.reason) for e in found} == {(TCU, "FEED_UNWRITABLE")}
    assert len(await _entries(region, "FEED_RESUMED")) == resumed

    await asyncio.to_thread(_give_back, region)
    partitions = len(found) - aside
    await _more(region, "FEED_RESUMED", resumed + partitions - 1)
    for alert in alerts:
        assert feeds_of(await region.in_feeds(alert, len(others) + 1), 1) == others | {TCU}
    assert (TCU, 2, "RECALL") in await region.in_feeds(earlier, 2)
    assert region.router.counts()["refused"] == 0
