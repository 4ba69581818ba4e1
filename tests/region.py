"""Accept and Router running on a real Kafka, for tests that watch what becomes of an alert."""

import asyncio
import contextlib
import shutil
import uuid
from collections import Counter

from broker.audit.balance import balance, read_disclosed, read_published
from broker.audit.log import read_audit
from broker.clock import epoch_ms
from broker.pipeline.accept import Accept
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.resources import shipped
from broker.wire import codec
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import encode_alert
from broker.wire.connection import Connection
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

ENDS = ("DECIDED", "DUPLICATE", "QUARANTINED")
#: A feed that an ordinary alert reaches.
TCU = "fiji-tcu-investigate"
PACIFIC = shipped("policies") / "pacific"

#: A rule that Cedar's type check passes and that fails when it is asked: it overflows.
FAILING_RULE = """
@id("overflows")
@why("Fails on purpose.")
@legal_basis("None: synthetic.")
forbid (principal, action in Lali::Action::"everything", resource)
when { resource.sectors.contains("LOGGING") && 9223372036854775807 + 1 > 0 };
"""


def failing_bundle(folder):
    """Return the Pacific bundle with one rule that fails for alerts about logging."""
    shutil.copytree(PACIFIC, folder)
    (folder / "rules" / "failing.cedar").write_text(FAILING_RULE)
    return load_bundle(folder)


def again(alert, revision, **label):
    """Return a later revision of *alert*."""
    values = {"message_type": "UPDATE", **label, "revision": revision}
    return type(alert).model_validate(
        alert.model_dump() | {"label": alert.label.model_dump() | values}
    )


def feeds_of(held, revision, kind="RELEASE"):
    """Return the feeds that hold *revision* as that kind of release."""
    return {feed for feed, number, what in held if (number, what) == (revision, kind)}


class Region:
    """The roles, and what was sent to them.

    Attributes:
        later_ms: How far the router's clock is ahead of accept's.
    """

    def __init__(self, servers, bundle, partitions=2):
        self.connection = Connection(servers)
        self.topics = Topics(f"t{uuid.uuid4().hex[:8]}.", partitions)
        self.bundle = bundle
        self.units = bundle.community.publishers()
        self.feeds = list(bundle.community.feeds)
        self.sender = Sender(self.connection)
        self.later_ms = 0
        self._roles = [
            Accept(self.connection, self.topics, self.units),
            Router(
                self.connection,
                self.topics,
                Decider(bundle).plan,
                clock=lambda: epoch_ms() + self.later_ms,
            ),
        ]
        self._running = []

    async def __aenter__(self):
        await apply_topics(self.connection, self.topics.specs(self.units, self.feeds))
        await self.sender.start()
        self._running = [asyncio.create_task(role.run()) for role in self._roles]
        return self

    async def __aexit__(self, *_):
        for role in self._roles:
            role.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._running, return_exceptions=True), 60)
        await self.sender.stop()

    async def publish(self, alert, value=None, unit=None):
        """Publish *alert* and return its position in the intake, once Kafka has it."""
        value = encode_alert(alert) if value is None else value
        unit = unit or alert.label.originator
        return await self.send(unit, str(alert.label.alert_id).encode(), value)

    async def send(self, unit, key, value, headers=()):
        topic = self.topics.intake(unit)
        sent = await self.sender.send(topic, key, value, headers)
        return (topic, sent.partition, sent.offset)

    async def ends(self, *positions, times=1):
        """Wait until the audit log says what became of *positions*; return the log's entries."""
        async with asyncio.timeout(240):
            while True:
                log = await read_audit(self.connection, self.topics)
                found = [e for e in log.of(*ENDS) if e.source in positions]
                if {e.source for e in found} == set(positions) and len(found) >= times:
                    return found
                await asyncio.sleep(0.3)

    async def end(self, alert, value=None, unit=None):
        """Publish and wait; return the one audit entry."""
        (entry,) = await self.ends(await self.publish(alert, value, unit))
        return entry

    async def in_feeds(self, alert, least=0):
        """Return what the feeds hold of *alert*: (feed, revision, kind) to the record."""
        names = {self.topics.feed(feed): feed for feed in self.feeds}
        for _ in range(100):  # markers stand in every partition a little after the commit
            found, times = {}, Counter()
            async for each in read_to_end(self.connection, names):
                if each.key == str(alert.label.alert_id).encode():
                    record = codec.decode(each.value, "release")
                    key = (names[each.topic], record["revision"], record["kind"])
                    times[key] += 1
                    found[key] = record
            if len(found) >= least:
                break
            await asyncio.sleep(0.3)
        assert set(times.values()) <= {1}
        return found

    async def outcomes(self, entry):
        """Return what a DECIDED *entry* means for each feed: (verdict, outcome)."""
        log = await read_audit(self.connection, self.topics)
        return log.outcomes(entry)

    async def records(self, *topics):
        """Return every record of *topics*, raw."""
        return [record async for record in read_to_end(self.connection, topics)]

    async def quarantined(self):
        """Return the quarantine by position."""
        kept = [
            codec.decode_trusted(r.value, "quarantine")
            for r in await self.records(self.topics.quarantine)
        ]
        return {(k["topic"], k["partition"], k["offset"]): k for k in kept}

    async def books(self):
        """Return the balance of everything published so far, once markers have settled."""
        for _ in range(20):
            log = await read_audit(self.connection, self.topics)
            disclosed = await read_disclosed(self.connection, self.topics, self.feeds)
            published = await read_published(self.connection, self.topics, self.units)
            books = balance(published, log, disclosed)
            if books.holds:
                break
            await asyncio.sleep(0.5)
        return books
