"""Revisions, duplicates and recalls on a real Kafka: who receives what, once."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from region import TCU, Region, again, failing_bundle, feeds_of

from broker.testing import alert_id_of, make_alert
from broker.wire import codec
from broker.wire.alert_codec import encode_alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(kafka, tmp_path_factory):
    bundle = failing_bundle(tmp_path_factory.mktemp("bundle") / "pacific")
    async with Region(kafka, bundle) as running:
        yield running


async def test_a_first_revision_reaches_whom_the_plan_names_and_nobody_else(region):
    alert = make_alert()

    entry = await region.end(alert)

    assert (entry.kind, entry.reason, entry.revision) == ("DECIDED", None, 1)
    outcomes = await region.outcomes(entry)
    released = {feed for feed, (verdict, _) in outcomes.items() if verdict == "released"}
    held = await region.in_feeds(alert, len(released))
    assert TCU in released
    assert set(outcomes) == set(region.feeds)
    assert set(held) == {(feed, 1, "RELEASE") for feed in released}
    for feed, (_, outcome) in outcomes.items():
        if feed in released:
            assert held[feed, 1, "RELEASE"]["profile"] == outcome.compartments


async def test_a_duplicate_is_recognised_and_recorded_once_each_time_it_is_published(region):
    alert = make_alert()
    value = encode_alert(alert)

    first = await region.end(alert, value)
    before = await region.in_feeds(alert, 5)
    copies = [await region.publish(alert, value) for _ in range(3)]
    entries = await region.ends(*copies)

    assert first.kind == "DECIDED"
    assert [entry.kind for entry in entries] == ["DUPLICATE"] * 3
    assert {entry.source for entry in entries} == set(copies)
    assert set(await region.in_feeds(alert)) == set(before)


async def test_the_same_revision_with_other_content_is_a_conflict_and_released_to_nobody(region):
    alert = make_alert(mark="FIRST")
    other = make_alert(mark="OTHER", alert_id=alert.label.alert_id)

    await region.end(alert)
    before = await region.in_feeds(alert, 5)
    entry = await region.end(other)

    assert (entry.kind, entry.reason) == ("QUARANTINED", "REVISION_CONFLICT")
    after = await region.in_feeds(alert)
    assert set(after) == set(before)
    assert all(b"OTHER" not in _contents(record) for record in after.values())
    kept = (await region.quarantined())[entry.source]
    assert b"OTHER" in kept["value"]


async def test_a_lower_revision_is_refused(region):
    alert = make_alert()
    await region.end(again(alert, 3, message_type="ALERT"))
    held = await region.in_feeds(alert, 5)

    entry = await region.end(again(alert, 2))

    assert (entry.kind, entry.reason) == ("QUARANTINED", "REVISION_LOWER")
    assert set(await region.in_feeds(alert)) == set(held)


async def test_another_originators_revision_is_refused_even_a_cancel(region):
    alert = make_alert()
    await region.end(alert)
    held = await region.in_feeds(alert, 5)

    for number, kind in enumerate(("UPDATE", "CANCEL"), 2):
        other = again(alert, number, originator="samoa-immigration", message_type=kind)
        entry = await region.end(other)
        assert (entry.kind, entry.reason) == ("QUARANTINED", "ORIGINATOR_CHANGED")

    assert set(await region.in_feeds(alert)) == set(held)
    assert (await region.end(again(alert, 2))).kind == "DECIDED"


async def test_an_update_that_narrows_recalls_without_content_from_those_who_lose_it(region):
    alert = make_alert()
    await region.end(alert)
    first = feeds_of(await region.in_feeds(alert, 5), 1)

    narrower = again(alert, 2, tlp="RED")
    entry = await region.end(narrower)
    held = await region.in_feeds(alert, 2 * len(first))

    assert feeds_of(held, 2, "RECALL") == first == set(entry.recalled)
    assert feeds_of(held, 2) == set()
    for feed in first:
        record = held[feed, 2, "RECALL"]
        assert record["label"] is record["compartments"] is record["signature"] is None
        assert record["profile"] == 0


async def test_an_update_is_decided_anew_for_those_who_keep_gain_and_lose_it(region):
    alert = make_alert(countries_transit=["FJ"])
    await region.end(alert)
    first = feeds_of(await region.in_feeds(alert, 5), 1)

    moved = again(alert, 2, countries_transit=["TO"], countries_destination=["NZ"])
    entry = await region.end(moved)
    outcomes = await region.outcomes(entry)
    held = await region.in_feeds(alert, len(first) + len(first | set(entry.recalled)))

    second = {feed for feed, (verdict, _) in outcomes.items() if verdict == "released"}
    assert second - first
    assert first - second
    assert first & second
    assert feeds_of(held, 2) == second
    assert feeds_of(held, 2, "RECALL") == first - second


async def test_who_was_recalled_and_may_see_it_again_receives_the_next_revision(region):
    alert = make_alert()
    await region.end(alert)
    first = feeds_of(await region.in_feeds(alert, 5), 1)
    await region.end(again(alert, 2, tlp="RED"))

    entry = await region.end(again(alert, 3, tlp="AMBER"))

    assert entry.recalled == ()
    assert feeds_of(await region.in_feeds(alert, 3 * len(first)), 3) == first


async def test_a_cancel_recalls_every_holder_and_later_revisions_are_refused(region):
    alert = make_alert()
    await region.end(alert)
    first = feeds_of(await region.in_feeds(alert, 5), 1)

    cancel = await region.end(again(alert, 2, message_type="CANCEL"))
    late = await region.end(again(alert, 3))
    held = await region.in_feeds(alert, 2 * len(first))

    assert set(cancel.recalled) == first
    assert feeds_of(held, 2, "RECALL") == first
    assert (late.kind, late.reason) == ("QUARANTINED", "ALREADY_CANCELLED")
    assert {number for _, number, _ in held} == {1, 2}


async def test_a_cancel_reaches_holders_after_the_alert_expired(region):
    soon = datetime.now(UTC) + timedelta(hours=1)
    alert = make_alert(expires_at=soon)
    await region.end(alert)
    first = feeds_of(await region.in_feeds(alert, 5), 1)
    past = {"originated_at": soon - timedelta(days=9), "expires_at": soon - timedelta(days=8)}

    entry = await region.end(again(alert, 2, message_type="CANCEL", **past))

    assert set(entry.recalled) == first
    assert feeds_of(await region.in_feeds(alert, 2 * len(first)), 2, "RECALL") == first


async def test_a_cancel_of_what_nobody_knows_tells_nobody_and_bars_what_follows(region):
    alert = make_alert()

    cancel = await region.end(again(alert, 2, message_type="CANCEL"))
    late = await region.end(alert)

    assert (cancel.kind, cancel.recalled) == ("DECIDED", ())
    assert late.reason == "REVISION_LOWER"
    assert await region.in_feeds(alert) == {}


async def test_many_revisions_at_once_reach_each_feed_in_order(region):
    alert = make_alert(alert_id=alert_id_of(77))
    revisions = [alert, *(again(alert, n) for n in range(2, 9))]
    revisions.append(again(alert, 9, message_type="CANCEL"))

    positions = [await region.publish(each) for each in revisions]
    entries = await region.ends(*positions)
    await region.in_feeds(alert, 5 * 9)

    assert {entry.kind for entry in entries} == {"DECIDED"}
    seen = [
        codec.decode(r.value, "release")
        for r in await region.records(region.topics.feed(TCU))
        if r.key == str(alert.label.alert_id).encode()
    ]
    assert [r["revision"] for r in seen] == list(range(1, 10))
    assert [r["kind"] for r in seen] == ["RELEASE"] * 8 + ["RECALL"]


async def test_in_the_end_every_publication_is_accounted_for(region):
    books = await region.books()

    assert books.holds, books
    assert books.released > 0
    assert books.recalled > 0
    assert books.quarantined > 0


def _contents(record):
    slots = (record["compartments"] or {}).values()
    return b"".join(slot["content"] or b"" for slot in slots)
