"""Decided again just before handing over: what waited for an absent partner, and must stay."""

from datetime import UTC, datetime, timedelta

import pytest
from delivering import FEED, OTHER, Partner, Region, added, bundle_with, until

from broker.clock import epoch_ms
from broker.errors import RecipientUnavailable
from broker.testing import alert_id_of, make_alert

pytestmark = pytest.mark.kafka

AWAY = RecipientUnavailable("HTTP_503")
ALERT = alert_id_of(1)
HOUR_MS = 3_600_000


class Clock:
    """The time, which a test may move on."""

    def __init__(self):
        self.ahead_ms = 0

    def __call__(self):
        return epoch_ms() + self.ahead_ms


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


def _expiring():
    now = datetime.now(UTC).replace(microsecond=0)
    return make_alert(
        alert_id=ALERT,
        originated_at=now - timedelta(hours=1),
        expires_at=now + timedelta(hours=1),
    )


def _later(revision, message_type="UPDATE", **more):
    return make_alert(alert_id=ALERT, revision=revision, message_type=message_type, **more)


async def _waiting(role, partner):
    await until(lambda: partner.attempts > 0 and role.status()[FEED].oldest_waiting_ms is not None)


def _shown(view):
    return set(view.compartments.model_dump(exclude_none=True))


async def test_what_expires_while_the_partner_is_away_is_never_handed_over(region):
    partner, clock = Partner(always=AWAY), Clock()
    await region.route(_expiring())

    async with region.delivering({FEED: partner}, clock=clock) as role:
        await _waiting(role, partner)
        clock.ahead_ms = HOUR_MS - 60_000
        before = partner.attempts
        await until(lambda: partner.attempts > before + 1)
        assert role.status()[FEED].not_delivered == 0
        clock.ahead_ms = HOUR_MS
        await until(lambda: role.status()[FEED].not_delivered == 1)
        partner.always = None

    assert partner.taken == []
    assert await region.ends() == [("NOT_DELIVERED", 1, "EXPIRED")]


async def test_what_expired_before_deliver_was_started_is_not_even_tried(region):
    partner, clock = Partner(), Clock()
    clock.ahead_ms = 30 * 24 * HOUR_MS
    await region.route(_expiring())

    async with region.delivering({FEED: partner}, clock=clock) as role:
        await until(lambda: role.status()[FEED].not_delivered == 1)

    assert partner.attempts == 0
    assert await region.ends() == [("NOT_DELIVERED", 1, "EXPIRED")]


async def test_a_recall_is_handed_over_however_late(region):
    partner, clock = Partner(), Clock()
    await region.route(_expiring())
    async with region.delivering({FEED: partner}, clock=clock) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
    await region.route(_later(2, "CANCEL"))
    clock.ahead_ms = 30 * 24 * HOUR_MS

    async with region.delivering({FEED: partner}, clock=clock) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert partner.seen() == [(1, "RELEASE"), (2, "RECALL")]


async def test_what_is_cancelled_while_the_partner_is_away_stays_and_its_recall_goes(region):
    partner = Partner(always=AWAY)
    await region.route(make_alert(alert_id=ALERT))

    async with region.delivering({FEED: partner}) as role:
        await _waiting(role, partner)
        await region.route(_later(2, "CANCEL"))
        await until(lambda: role.status()[FEED].not_delivered == 1)
        partner.always = None
        await until(lambda: role.status()[FEED].delivered == 1)

    assert partner.seen() == [(2, "RECALL")]
    assert await region.ends() == [("NOT_DELIVERED", 1, "RECALLED"), ("DELIVERED", 2, None)]


async def test_what_an_update_took_from_the_feed_stays_and_others_have_the_update(region):
    partner, other = Partner(always=AWAY), Partner()
    await region.route(make_alert(alert_id=ALERT))

    async with region.delivering({FEED: partner, OTHER: other}) as role:
        await _waiting(role, partner)
        await region.route(_later(2, distribution={"not_releasable_to": ["ptccc"]}))
        await until(lambda: role.status()[FEED].not_delivered == 1)
        partner.always = None
        await until(lambda: role.status()[FEED].delivered == 1)
        await until(lambda: role.status()[OTHER].delivered == 2)

    assert partner.seen() == [(2, "RECALL")]
    assert other.seen() == [(1, "RELEASE"), (2, "RELEASE")]
    assert await region.ends() == [("NOT_DELIVERED", 1, "RECALLED"), ("DELIVERED", 2, None)]


async def test_what_an_update_narrowed_is_handed_over_as_narrow_as_it_is_now(region):
    partner = Partner(always=AWAY)
    await region.route(make_alert(alert_id=ALERT))

    async with region.delivering({FEED: partner}) as role:
        await _waiting(role, partner)
        await region.route(_later(2, source_type="HOTLINE"))
        await until(lambda: role.status()[FEED].not_delivered == 1)
        partner.always = None
        await until(lambda: role.status()[FEED].delivered == 2)

    recall, view = partner.taken
    assert (recall.revision, recall.kind, view.revision) == (1, "RECALL", 2)
    assert "conveyances" in _shown(view)
    assert not _shown(view) & {"assessment", "summary", "documents"}
    assert await region.ends() == [
        ("NOT_DELIVERED", 1, "SUPERSEDED"), ("DELIVERED", 1, None), ("DELIVERED", 2, None)
    ]  # fmt: skip


async def test_what_the_bundle_of_today_forbids_is_not_handed_over(region, tmp_path):
    partner = Partner(always=AWAY)
    await region.route(make_alert(alert_id=ALERT), make_alert(alert_id=alert_id_of(2)))
    async with region.delivering({FEED: partner}) as role:
        await _waiting(role, partner)
    stricter = bundle_with(tmp_path / "stricter", added("forbid", "receive"))
    partner.always, partner.attempts = None, 0

    async with region.delivering({FEED: partner}, decider=stricter) as role:
        await until(lambda: role.status()[FEED].not_delivered == 2)

    assert partner.attempts == 0
    assert await region.ends() == [("NOT_DELIVERED", 1, "RULE_FORBIDS")] * 2
    entries = list((await region.audit()).of("NOT_DELIVERED"))
    assert {entry.bundle_digest for entry in entries} == {stricter.bundle.digest}
    assert stricter.bundle.digest != region.decider.bundle.digest


async def test_a_feed_that_the_bundle_of_today_does_not_know_receives_nothing(region, tmp_path):
    partner = Partner()
    await region.route(make_alert(alert_id=ALERT))
    smaller = bundle_with(tmp_path / "smaller", "")
    smaller._feeds = [feed for feed in smaller._feeds if feed.id != FEED]

    async with region.delivering({FEED: partner}, decider=smaller) as role:
        await until(lambda: role.status()[FEED].not_delivered == 1)

    assert partner.attempts == 0
    assert await region.ends() == [("NOT_DELIVERED", 1, "NO_RULE_PERMITS")]


async def test_compartments_that_the_bundle_of_today_forbids_are_dropped(region, tmp_path):
    before, after = Partner(), Partner()
    await region.route(make_alert(alert_id=ALERT, mark="SYNTHETIC"))
    async with region.delivering({FEED: before}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
    stricter = bundle_with(tmp_path / "stricter", added("forbid", "see_suspects"))
    await region.route(_later(2))

    async with region.delivering({FEED: after}, decider=stricter) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    (whole,), (narrowed,) = before.taken, after.taken
    assert _shown(whole) - _shown(narrowed) == {"suspects"}
    assert _shown(narrowed) < _shown(whole)
    assert "SYNTHETIC-suspects" not in narrowed.model_dump_json()
    recorded = [e.compartments for e in (await region.audit()).of("DELIVERED") if e.feed == FEED]
    assert [mask.bit_count() for mask in recorded] == [
        len(_shown(whole)),
        len(_shown(narrowed)),
    ]


async def test_a_bundle_that_permits_more_adds_nothing_to_what_was_released(region, tmp_path):
    first, second = Partner(), Partner()
    await region.route(make_alert(alert_id=ALERT))
    async with region.delivering({FEED: first}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
    await region.route(_later(2))
    wider = bundle_with(tmp_path / "wider", added("permit", "see_evidence"))

    async with region.delivering({FEED: second}, decider=wider) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert "evidence" not in _shown(first.taken[0])
    assert _shown(second.taken[0]) == _shown(first.taken[0])
