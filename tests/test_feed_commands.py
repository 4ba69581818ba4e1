"""`lali feed` and `lali dead-letters`: one feed at a time, always through deliver, audited."""

import asyncio
import json

import pytest
from delivering import ALERT, FEED, OTHER, Partner, Region, alert_of, cancel_of, until

from broker.errors import RecipientRefused, RecipientUnavailable
from broker.testing import alert_id_of

pytestmark = pytest.mark.kafka

NEVER = RecipientRefused("HTTP_422")
WHO = ("--by", "duty-operator", "--reason", "PARTNER_ASKED", "--json")


@pytest.fixture
async def region(connection, topics, monkeypatch):
    made = Region(connection, topics)
    await made.prepare()
    monkeypatch.setenv("LALI_BOOTSTRAP_SERVERS", connection.bootstrap_servers)
    monkeypatch.setenv("LALI_TOPIC_PREFIX", topics.prefix)
    monkeypatch.setenv("LALI_PARTITIONS", str(topics.partitions))
    return made


@pytest.fixture
def run(lali):
    async def run(*words):
        code, out, err = await asyncio.to_thread(lali, *words)
        assert code == 0, err
        # Deliver logs to the same output meanwhile.
        said = [line for line in out.splitlines() if line.startswith(("[", "{"))]
        return json.loads(said[-1])

    return run


async def _parked(region, partner):
    """Have the partner refuse one alert while it takes another."""
    partner.judge = lambda release: NEVER if release.alert_id == ALERT else None
    await region.route(alert_of(), alert_of(alert_id=alert_id_of(2)))


async def test_b16_a_dead_letter_is_replayed_through_deliver_and_only_once(region, run):
    partner = Partner()
    await _parked(region, partner)
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        (letter,) = await run("dead-letters", "list", FEED, "--json")
        assert (letter["alert_id"], letter["state"]) == (str(ALERT), "waiting")
        assert letter["reason"] == "RECIPIENT_REFUSED"
        partner.judge = lambda _release: None
        place = (str(letter["partition"]), str(letter["offset"]))
        await run("dead-letters", "replay", FEED, *place, *WHO)
        await until(lambda: role.status()[FEED].delivered == 2)
        assert (await run("dead-letters", "show", FEED, *place, "--json"))["state"] == "done"
        await region.route(alert_of(2))  # it is parked no more
        await until(lambda: role.status()[FEED].delivered == 3)

    again = Partner()
    async with region.delivering({FEED: again}):
        await asyncio.sleep(2)  # the command stands in the ledger still
    assert again.taken == []
    assert [view.revision for view in partner.taken if view.alert_id == ALERT] == [1, 2]
    log = await region.audit()
    (said,) = log.of("CHANGE_APPLIED")
    assert (said.feed, said.reference, said.reason) == (FEED, "FEED_REPLAY", "PARTNER_ASKED")


async def test_b16_a_dead_letter_that_is_dropped_blocks_its_alert_no_more(region, run):
    partner = Partner()
    await _parked(region, partner)
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        (letter,) = await run("dead-letters", "list", FEED, "--json")
        place = (str(letter["partition"]), str(letter["offset"]))
        await run("dead-letters", "drop", FEED, *place, *WHO)
        await until(lambda: role.status()[FEED].not_delivered == 1)
        partner.judge = lambda _release: None
        await region.route(alert_of(2))
        await until(lambda: role.status()[FEED].delivered == 2)

    assert [view.revision for view in partner.taken if view.alert_id == ALERT] == [2]
    assert ("NOT_DELIVERED", 1, "DROPPED") in await region.ends()


async def test_b17_one_feed_is_paused_and_resumed_and_no_other(region, run):
    partner, other = Partner(), Partner()
    async with region.delivering({FEED: partner, OTHER: other}) as role:
        await run("feed", "pause", FEED, *WHO)
        await until(lambda: role.status()[FEED].state == "paused")
        await region.route(alert_of())
        await until(lambda: role.status()[OTHER].delivered == 1)
        assert partner.attempts == 0
        await run("feed", "resume", FEED, *WHO)
        await until(lambda: role.status()[FEED].delivered == 1)


async def test_b17_a_recall_that_is_owed_is_listed_retried_at_once_and_given_up(region, run):
    partner = Partner()
    await region.route(alert_of())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
        partner.always = RecipientUnavailable("HTTP_429", 3600.0)
        await region.route(cancel_of(2))
        await until(lambda: partner.attempts == 2)
        await region.recorded(1)
        assert await run("feed", "owed", FEED, "--json") == [
            {"alert_id": str(ALERT), "revision": 2}
        ]
        await run("feed", "retry", FEED, *WHO)
        await until(lambda: partner.attempts == 3)
        await run("feed", "give-up", FEED, str(ALERT), *WHO)
        await until(lambda: role.status()[FEED].not_delivered == 1)
        assert await run("feed", "owed", FEED, "--json") == []

    assert await region.ends() == [("DELIVERED", 1, None), ("NOT_DELIVERED", 2, "GIVEN_UP")]


async def test_b16_who_and_why_are_codes(region, lali):
    code, _, err = await asyncio.to_thread(
        lali, "feed", "pause", FEED, "--by", "duty", "--reason", "the partner called"
    )
    assert code == 2
    assert "capital letters" in err
    assert "called" not in err
