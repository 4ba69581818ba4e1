"""What lies on `alerts` and was not written by accept is no alert, whatever it looks like."""

import pytest
import pytest_asyncio
from poisons import neighbour
from region import PACIFIC, Region

from broker.audit.log import read_audit
from broker.pipeline.accepted import INTAKE_HEADER
from broker.policy.bundle import load_bundle
from broker.testing import make_alert
from broker.wire import codec
from broker.wire.alert_codec import encode_alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

ALERT = make_alert(mark="CNRY")
VALUE = encode_alert(ALERT)
KEY = str(ALERT.label.alert_id).encode()


def claiming(position):
    return ((INTAKE_HEADER, position),)


#: key, value, headers, reason
FORGED = {
    "an alert without the header": (KEY, VALUE, (), "NOT_ACCEPTED"),
    "a header without numbers": (KEY, VALUE, claiming(b"cnry"), "NOT_ACCEPTED"),
    "nothing": (KEY, None, claiming(b"0:0"), "NOT_ACCEPTED"),
    "too short for a head": (KEY, VALUE[:12], claiming(b"0:1"), "NOT_ACCEPTED"),
    "a name for a key": (b"Cnry Example", VALUE, (), "NOT_ACCEPTED"),
    "no key": (None, VALUE, (), "NOT_ACCEPTED"),
    "truncated under a forged header": (KEY, VALUE[:70], claiming(b"0:2"), "UNEXPECTED"),
    "noise under a forged header": (
        KEY,
        b"\0\0\0\0\x01" + b"cnry" * 40,
        claiming(b"0:3"),
        "FIELD_INVALID",
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(kafka):
    async with Region(kafka, load_bundle(PACIFIC), partitions=1) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def entries(region):
    """Every forged record with an accepted neighbour before and after; what became of all."""
    topics = region.topics
    positions = [await region.publish(neighbour())]
    await region.ends(positions[0])
    for key, value, headers, _ in FORGED.values():
        await region.sender.send(topics.alerts, key, value, headers)
        positions.append(await region.publish(neighbour()))
        await region.ends(positions[-1])
    log = await read_audit(region.connection, topics)
    return {
        "all": list(log.of("QUARANTINED")),
        "decided": list(log.of("DECIDED")),
        "positions": positions,
    }


async def test_each_is_set_aside_once(entries):
    assert len(entries["all"]) == len(FORGED)
    assert {entry.stage for entry in entries["all"]} == {"ROUTE"}


async def test_reasons_say_so(entries):
    # One partition, so the log has them in the order in which they were sent.
    assert [entry.reason for entry in entries["all"]] == [reason for *_, reason in FORGED.values()]


async def test_neighbours_flow(entries):
    assert {entry.source for entry in entries["decided"]} == set(entries["positions"])


async def test_nothing_of_it_reaches_anybody(region, entries):
    assert entries["decided"]
    for topic in [region.topics.feed(feed) for feed in region.feeds]:
        for record in await region.records(topic):
            assert b"cnry" not in record.value.lower()


async def test_originals_are_kept_untouched(region, entries):
    kept = [
        codec.decode_trusted(record.value, "quarantine")
        for record in await region.records(region.topics.quarantine)
    ]
    found = {(each["key"], each["value"]) for each in kept}

    assert entries["all"]
    assert found == {(key, value) for key, value, _, _ in FORGED.values()}


async def test_no_value_is_in_the_audit_log_or_the_ledger_not_even_as_a_key(region, entries):
    assert entries["all"]
    for record in await region.records(region.topics.audit, region.topics.ledger):
        assert b"cnry" not in (record.key or b"").lower()
        assert b"cnry" not in (record.value or b"").lower()
        assert not record.headers
    for record in await region.records(region.topics.quarantine):
        assert b"cnry" not in (record.key or b"").lower()
