"""What a recipient refuses, and what cannot be read: set aside, while its neighbours go on."""

import pytest
from delivering import ALERT, FEED, Partner, Region, alert_of, cancel_of, until

from broker.errors import RecipientRefused, Rejected
from broker.model.reason import Reason
from broker.testing import alert_id_of, make_alert, make_release
from broker.wire import codec
from broker.wire.partition import partition_of

pytestmark = pytest.mark.kafka

NEVER = RecipientRefused("HTTP_422")
_RELEASE = make_release(make_alert()).value


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


async def test_a_refused_release_parks_its_alert_and_later_revisions_of_it(region):
    other = alert_id_of(2)
    partner = Partner(NEVER)
    await region.route(alert_of())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(alert_of(2), alert_of(alert_id=other))
        await until(lambda: role.status()[FEED].dead_lettered == 2)
        await until(lambda: role.status()[FEED].delivered == 1)

    assert [view.alert_id for view in partner.taken] == [other]
    letters = await region.dead_letters()
    assert [(letter["revision"], letter["reason"], letter["code"]) for letter in letters] == [
        (1, "RECIPIENT_REFUSED", "HTTP_422"),
        (2, "PARKED_BEHIND", ""),
    ]
    assert all(codec.decode_trusted(each["release"], "release") for each in letters)
    assert ("DEAD_LETTERED", 1, "RECIPIENT_REFUSED") in await region.ends()
    assert ("DEAD_LETTERED", 2, "PARKED_BEHIND") in await region.ends()


async def test_a_recall_of_what_is_held_goes_through_although_the_alert_is_parked(region):
    partner = Partner(None, NEVER)
    await region.route(alert_of())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
        await region.route(alert_of(2))
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(cancel_of(3))
        await until(lambda: role.status()[FEED].delivered == 2)

    assert partner.seen() == [(1, "RELEASE"), (3, "RECALL")]


async def test_a_recall_of_what_was_never_held_stays_behind_itsalert_of(region):
    partner = Partner(NEVER)
    await region.route(alert_of())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(cancel_of(2))
        await until(lambda: role.status()[FEED].dead_lettered == 2)

    assert partner.taken == []
    assert [each["kind"] for each in await region.dead_letters()] == ["RELEASE", "RECALL"]


async def test_a_wave_of_refusals_stops_the_feed_and_drains_nothing(region):
    alerts = [alert_of(alert_id=alert_id_of(n)) for n in range(1, 31)]
    await region.route(*alerts)
    async with region.delivering({FEED: Partner(always=NEVER)}) as role:
        await until(lambda: role.status()[FEED].state == "stopped")
    parked = await region.dead_letters()
    assert len(parked) == 9
    assert len(await region.ends()) == 9

    well = Partner()
    async with region.delivering({FEED: well}) as role:
        await until(lambda: role.status()[FEED].delivered == 21)

    parked_ids = {letter["alert_id"] for letter in parked}
    taken_ids = {view.alert_id.bytes for view in well.taken}
    assert len(well.taken) == 21
    assert parked_ids | taken_ids == {alert.label.alert_id.bytes for alert in alerts}
    assert len(await region.dead_letters()) == 9


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
