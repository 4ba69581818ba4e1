"""Drills, expiry, embargo and a policy that fails, on a real Kafka: what is withheld."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from region import TCU, Region, again, failing_bundle, feeds_of

from broker.testing import make_alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

HOUR_MS = 3_600_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(kafka, tmp_path_factory):
    bundle = failing_bundle(tmp_path_factory.mktemp("bundle") / "pacific")
    async with Region(kafka, bundle) as running:
        yield running


@pytest.mark.parametrize("status", ["EXERCISE", "TEST", "UNKNOWN"])
async def test_a_drill_never_reaches_an_operational_feed(region, status):
    alert = make_alert(status=status)

    await region.end(alert)

    drills = {f.id for f in region.bundle.community.feeds.values() if not f.operational}
    held = await region.in_feeds(alert, 0 if status == "UNKNOWN" else len(drills))
    assert feeds_of(held, 1) == (set() if status == "UNKNOWN" else drills)


async def test_what_expired_between_accept_and_route_is_withheld(region):
    alert = make_alert(expires_at=datetime.now(UTC) + timedelta(hours=1))
    region.later_ms = 2 * HOUR_MS
    try:
        entry = await region.end(alert)
    finally:
        region.later_ms = 0

    assert entry.kind == "DECIDED"
    outcomes = await region.outcomes(entry)
    assert {(verdict, outcome.reason) for verdict, outcome in outcomes.values()} == {
        ("withheld", "EXPIRED")
    }
    assert await region.in_feeds(alert) == {}


async def test_an_embargo_withholds_from_everyone_until_a_revision_after_it(region):
    until = datetime.now(UTC) + timedelta(hours=1)
    alert = make_alert(distribution={"embargo_until": until})

    entry = await region.end(alert)
    assert {o.reason for _, o in (await region.outcomes(entry)).values()} == {"EMBARGOED"}
    assert await region.in_feeds(alert) == {}

    region.later_ms = 2 * HOUR_MS
    try:
        entry = await region.end(again(alert, 2))
    finally:
        region.later_ms = 0
    assert TCU in feeds_of(await region.in_feeds(alert, 5), 2)


async def test_a_policy_that_fails_quarantines_and_releases_nothing(region):
    alert, neighbour = make_alert(sectors=["LOGGING"]), make_alert()

    positions = [await region.publish(each) for each in (neighbour, alert, make_alert())]
    entries = {entry.source: entry for entry in await region.ends(*positions)}

    refused = entries[positions[1]]
    assert (refused.kind, refused.reason) == ("QUARANTINED", "POLICY_ERROR")
    assert {entries[p].kind for p in (positions[0], positions[2])} == {"DECIDED"}
    assert await region.in_feeds(alert) == {}
    assert (await region.quarantined())[positions[1]]["value"] is not None


async def test_an_update_under_which_policy_fails_leaves_the_earlier_revision_in_force(region):
    alert = make_alert()
    await region.end(alert)
    held = await region.in_feeds(alert, 5)

    refused = await region.end(again(alert, 2, sectors=["LOGGING"]))
    assert refused.reason == "POLICY_ERROR"
    assert set(await region.in_feeds(alert)) == set(held)

    cancel = await region.end(again(alert, 3, message_type="CANCEL"))
    assert set(cancel.recalled) == feeds_of(held, 1)


async def test_in_the_end_what_was_withheld_is_accounted_for_too(region):
    books = await region.books()

    assert books.holds, books
    assert books.withheld > 0
    assert books.quarantined > 0
