"""Bad input on a real Kafka: each kind its own reason, the original kept, neighbours flowing."""

import logging

import pytest
import pytest_asyncio
import structlog
from poisons import POISONS, neighbour
from region import PACIFIC, Region

from broker.policy.bundle import load_bundle
from broker.wire.alert_codec import encode_alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

CANARY = b"cnry"


class Story:
    """What was sent, and what became of it."""

    def __init__(self):
        self.poisons = {}
        self.positions = {}
        self.neighbours = []
        self.logged = []


class _Listener(logging.Handler):
    def __init__(self, logged):
        super().__init__()
        self.logged = logged

    def emit(self, record):
        self.logged.append(self.format(record))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(kafka):
    # One partition: what comes after a poison can only flow if the poison lets it.
    async with Region(kafka, load_bundle(PACIFIC), partitions=1) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(region):
    told = Story()
    listener = _Listener(told.logged)
    logging.getLogger().addHandler(listener)
    try:
        with structlog.testing.capture_logs() as events:
            await _tell(region, told)
    finally:
        logging.getLogger().removeHandler(listener)
    told.logged += [repr(event) for event in events]
    return told


async def _tell(region, told):
    told.neighbours.append(await region.publish(neighbour()))
    for name, make in POISONS.items():
        poison = told.poisons[name] = make()
        told.positions[name] = await region.send(
            poison.unit, poison.key, poison.value, poison.headers
        )
        told.neighbours.append(await region.publish(neighbour(poison.unit)))
    positions = [*told.positions.values(), *told.neighbours]
    told.entries = {entry.source: entry for entry in await region.ends(*positions)}


@pytest.mark.parametrize("name", POISONS)
async def test_it_gets_its_own_reason_and_the_path_of_the_field(story, name):
    entry, poison = story.entries[story.positions[name]], story.poisons[name]

    assert (entry.kind, entry.stage) == ("QUARANTINED", "ACCEPT")
    assert entry.reason == poison.reason
    assert poison.path is None or entry.path == poison.path
    assert entry.originator == poison.unit


@pytest.mark.parametrize("name", POISONS)
async def test_the_original_is_kept_untouched(region, story, name):
    position, poison = story.positions[name], story.poisons[name]

    kept = (await region.quarantined())[position]

    assert (kept["key"], kept["value"]) == (poison.key, poison.value)
    assert kept["reason"] == poison.reason
    assert kept["originator"] == poison.unit


async def test_neighbours_before_and_after_flow(story):
    assert {story.entries[each].kind for each in story.neighbours} == {"DECIDED"}
    assert len(story.neighbours) == len(POISONS) + 1


async def test_no_value_is_anywhere_but_in_the_quarantine(region, story):
    topics = region.topics
    open_topics = [topics.audit, topics.alerts, topics.ledger, topics.plans]
    open_topics += [topics.feed(feed) for feed in region.feeds]
    records = await region.records(*open_topics)

    assert len(records) > 5 * len(story.neighbours)
    for record in records:
        headers = b"".join(name.encode() + content for name, content in record.headers)
        whole = (record.key or b"") + (record.value or b"") + headers
        assert CANARY not in whole.lower(), record.topic


async def test_quarantine_keys_and_headers_hold_no_value(region, story):
    for record in await region.records(region.topics.quarantine):
        assert CANARY not in (record.key or b"").lower()
        assert not record.headers


async def test_no_value_is_in_the_log(story):
    assert any("alert.quarantined" in line for line in story.logged)
    assert not [line for line in story.logged if "cnry" in line.lower()]


async def test_every_poison_that_holds_content_holds_the_canary(story):
    holds = [CANARY in (poison.value or b"").lower() for poison in story.poisons.values()]

    assert sum(holds) >= len(holds) - 3  # the empty, the null and the headless


async def test_reasons_tell_kinds_apart(story):
    assert len({poison.reason for poison in story.poisons.values()}) >= 20


async def test_nothing_is_lost_and_nothing_is_told_twice(region, story):
    books = await region.books()

    assert books.holds, books
    assert books.quarantined == len(POISONS)
    assert books.accepted == len(story.neighbours)


async def test_a_header_that_agrees_with_the_frame_is_taken(region):
    alert = neighbour()
    value = encode_alert(alert)
    forms = [str(int.from_bytes(value[1:5], "big")).encode(), value[1:5], value[:5]]

    headers = [("__value_schema_id", form) for form in forms]
    key = str(alert.label.alert_id).encode()
    position = await region.send(alert.label.originator, key, value, headers)

    (entry,) = await region.ends(position)
    assert entry.kind == "DECIDED"
