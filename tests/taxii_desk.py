"""A TAXII collection over the gateway's own shelf, with as many records as a test puts into it.

What stands for ledger and policy is a table that the test sets.
"""

import asyncio
import sqlite3
from types import SimpleNamespace

from hypothesis import strategies as st

from broker.gateway import database as database_module
from broker.gateway.cursor import Cursors
from broker.gateway.serve import PolicyFailed, Served
from broker.gateway.shelf import Shelf
from broker.gateway.taxii.asked import Asked, Match
from broker.gateway.taxii.library import Library
from broker.gateway.taxii.pages import Collection
from broker.model.compartment import ALL_COMPARTMENTS
from broker.pipeline.project import narrow, read_release, recall
from broker.protect.recall_seal import RecallStatement
from broker.testing import NOON, alert_id_of, make_alert, make_release
from broker.wire.alert_codec import decode_release
from broker.wire.partition import Target
from broker.wire.topics import Topics

FEED, OTHER = "a-feed", "b-feed"
TOPICS = Topics("", partitions=3)
MOMENT_MS = int(NOON.timestamp() * 1000)
SECRET = b"s" * 32
ALL = Match(words=frozenset({"all"}))

MASKS = st.integers(0, ALL_COMPARTMENTS)
STEPS = st.lists(st.tuples(st.integers(0, 2), MASKS), max_size=8)


class Permitting:
    """Serves what the test permits: a mask for each row, None to pass it over."""

    def __init__(self):
        self.masks = {}
        self.recalled = set()
        self.failing = False

    async def serve(self, row):
        if self.failing:
            raise PolicyFailed
        place = (row.partition, row.offset)
        mask = self.masks.get(place, ALL_COMPARTMENTS)
        if mask is None:
            return None
        release = narrow(read_release(row.value), mask)
        if place in self.recalled:
            moment = row.added // 1000
            said = RecallStatement(row.feed, release.identity, release.revision, moment)
            release = recall(said, None)
        view = decode_release(release.value)
        return Served(row, release, view, b"{}", float("inf"))


class Desk:
    """A collection of one feed, with as many records as the test puts into it."""

    def __init__(self):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(database_module._TABLES)
        self.shelf = Shelf(
            SimpleNamespace(connection=connection, writer=connection), TOPICS, [FEED, OTHER]
        )
        self.permitting = Permitting()
        community = SimpleNamespace(publishers=lambda: ["fiji-immigration"])
        library = Library(
            SimpleNamespace(shelf=self.shelf, servings=self.permitting, community=community)
        )
        self.collection = Collection(self.shelf, library, Cursors(lambda: (SECRET,), "taxii"), FEED)
        self.offsets = [0, 0, 0]

    def put(self, partition, value):
        offset = self.offsets[partition]
        self.offsets[partition] += 3  # Kafka's own records lie between
        moment = MOMENT_MS + sum(self.offsets)
        topic = TOPICS.feed(FEED)
        record = SimpleNamespace(
            topic=topic, partition=partition, offset=offset, timestamp=moment, value=value
        )
        self.shelf.take([record])
        return partition, offset

    def reach(self, moment_ms=MOMENT_MS + 10_000_000):
        for partition in range(TOPICS.partitions):
            self.shelf.reached(Target(TOPICS.feed(FEED), partition), moment_ms)

    def page(self, limit=1000, after=None, cursor=None, match=ALL):
        return asyncio.run(self.collection.page(Asked(after, cursor, limit, match)))

    def pages(self, limit, between=lambda number: None, **more):
        found, cursor = [], None
        while True:
            page = self.page(limit, cursor=cursor, **more)
            found.append(page)
            if page.next is None:
                return found
            cursor = page.next
            between(len(found))


def value_of(number, mask=ALL_COMPARTMENTS):
    return make_release(make_alert(alert_id=alert_id_of(number)), mask).value


def desk_with(steps):
    desk = Desk()
    for number, (partition, mask) in enumerate(steps):
        desk.put(partition, value_of(number, mask))
    desk.reach()
    return desk


def values(pages):
    return {each.id: each.value for page in pages for each in page.objects}
