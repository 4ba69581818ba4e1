"""What a recipient refuses, and what cannot be read: set aside, while its neighbours go on."""

import asyncio
import dataclasses

import pytest
from delivering import ALERT, FEED, SOON, Partner, Region, alert_of, cancel_of, until

from broker.errors import RecipientRefused, RecipientUnavailable, Rejected
from broker.model.reason import Reason
from broker.model.release import ReleaseKind
from broker.testing import alert_id_of, make_alert, make_release
from broker.wire import codec
from broker.wire.partition import partition_of

pytestmark = pytest.mark.kafka

NEVER = RecipientRefused("HTTP_422")
AGAIN = RecipientUnavailable("HTTP_500")
OTHER_ALERT = alert_id_of(2)
_RELEASE = make_release(make_alert()).value


def refusing(alert_id, fault=NEVER):
    """Return what fails of one alert alone."""
    return lambda release: fault if release.alert_id == alert_id else None


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


async def test_b17_a_refused_release_is_parked_once_others_pass_and_later_revisions_behind_it(
    region,
):
    partner = Partner()
    partner.judge = refusing(ALERT)
    await region.route(alert_of())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: partner.attempts >= 4)  # nothing tells yet whose fault it is
        assert role.status()[FEED].dead_lettered == 0
        await region.route(alert_of(alert_id=OTHER_ALERT))
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(alert_of(2))
        await until(lambda: role.status()[FEED].dead_lettered == 2)

    assert [view.alert_id for view in partner.taken] == [OTHER_ALERT]
    letters = await region.dead_letters()
    assert [(letter["revision"], letter["reason"], letter["code"]) for letter in letters] == [
        (1, "RECIPIENT_REFUSED", "HTTP_422"),
        (2, "PARKED_BEHIND", ""),
    ]
    assert all(codec.decode_trusted(each["release"], "release") for each in letters)
    assert ("DEAD_LETTERED", 1, "RECIPIENT_REFUSED") in await region.ends()
    assert ("DEAD_LETTERED", 2, "PARKED_BEHIND") in await region.ends()


async def test_b17_a_recall_goes_through_although_its_alert_is_parked(region):
    partner = Partner()
    partner.judge = lambda release: (
        NEVER if release.alert_id == ALERT and release.kind is ReleaseKind.RELEASE else None
    )
    await region.route(alert_of(), alert_of(alert_id=OTHER_ALERT))
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(cancel_of(2))
        await until(lambda: role.status()[FEED].delivered == 2)

    # It was offered: nobody can say that the recipient has nothing of it.
    assert partner.seen() == [(1, "RELEASE"), (2, "RECALL")]
    assert [each["kind"] for each in await region.dead_letters()] == ["RELEASE"]


async def test_b17_a_recall_that_is_refused_is_owed_across_restarts_until_it_is_taken(region):
    partner = Partner()
    await region.route(alert_of())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
        partner.always = NEVER
        await region.route(cancel_of(2))
        await until(lambda: partner.attempts >= 5)
        partner.always, partner.judge = None, refusing(ALERT)
        await region.route(alert_of(alert_id=OTHER_ALERT))
        await until(lambda: role.status()[FEED].delivered == 2)  # the feed goes on beside it

    later = Partner(AGAIN, NEVER)
    async with region.delivering({FEED: later}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
        await region.recorded(3)
    async with region.delivering({FEED: later}):
        await asyncio.sleep(2)  # it is taken, and comes no more

    assert later.seen() == [(2, "RECALL")]
    assert await region.dead_letters() == []
    assert sorted(await region.ends()) == [
        ("DELIVERED", 1, None), ("DELIVERED", 1, None), ("DELIVERED", 2, None),
    ]  # fmt: skip


async def test_b17_a_wave_of_refusals_parks_nothing_and_ends_by_itself(region):
    alerts = [alert_of(alert_id=alert_id_of(n)) for n in range(1, 31)]
    await region.route(*alerts)
    partner = Partner(always=RecipientUnavailable("HTTP_401"))
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: partner.attempts >= 12)
        partner.always = NEVER  # a secret that changed may be answered by either
        await until(lambda: partner.attempts >= 24)
        partner.always = None
        await until(lambda: role.status()[FEED].delivered == 30)

    assert await region.dead_letters() == []
    assert {view.alert_id for view in partner.taken} == {a.label.alert_id for a in alerts}


async def test_b17_one_alert_that_fails_for_ever_holds_up_nobody_and_goes_aside(region):
    partner = Partner()
    partner.judge = refusing(ALERT, AGAIN)
    others = [alert_of(alert_id=alert_id_of(n)) for n in range(2, 8)]
    await region.route(alert_of(), *others)
    hasty = dataclasses.replace(SOON, aside_after_seconds=0.5)
    async with region.delivering({FEED: partner}, patience=hasty) as role:
        await until(lambda: role.status()[FEED].delivered == 6)
        await region.route(cancel_of(2, alert_id_of(3)))
        await until(lambda: role.status()[FEED].delivered == 7)  # a recall passes, too
        await until(lambda: role.status()[FEED].dead_lettered == 1)

    assert [each["reason"] for each in await region.dead_letters()] == ["RECIPIENT_FAILS"]
    assert partner.seen()[-1] == (2, "RECALL")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "FRAMING"),
        (None, "FRAMING"),
        (b"SYNTHETIC", "FRAMING"),
        (b"\0\0\0\0\0", "SCHEMA_UNEXPECTED"),
        (_RELEASE[:40], None),
        (_RELEASE[:5] + b"\0" + _RELEASE[6:], "CODE_UNKNOWN"),  # kind UNKNOWN
    ],
    ids=["empty", "null", "text", "other-schema", "truncated", "unknown-kind"],
)
async def test_an_unreadable_record_is_set_aside_and_its_neighbours_go_on(region, value, reason):
    key = str(ALERT).encode()
    where = partition_of(key, region.topics.partitions)
    partner = Partner()
    for _ in range(2):  # the same bytes twice are two records, and two entries
        await region.write(region.topics.feed(FEED), key, value, where)
    await region.route(alert_of())

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    letters = await region.dead_letters()
    assert [letter["release"] for letter in letters] == [value or b""] * 2
    ends = [end for end in await region.ends() if end[0] == "DEAD_LETTERED"]
    assert len(ends) == 2
    assert reason in {None, ends[0][2]}
    assert partner.seen() == [(1, "RELEASE")]


async def test_a_release_that_its_connector_cannot_read_does_not_block_the_feed(region):
    partner = Partner(Rejected(Reason.CODE_UNKNOWN, "label.tlp"))
    await region.route(alert_of(), alert_of(alert_id=alert_id_of(2)))

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert role.status()[FEED].dead_lettered == 1
    assert [letter["reason"] for letter in await region.dead_letters()] == ["CODE_UNKNOWN"]
