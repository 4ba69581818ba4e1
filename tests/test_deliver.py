"""Deliver on a real Kafka: in order, at least once, nothing lost, nobody delayed by another."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from delivering import FEED, OTHER, Partner, Region, until

from broker.errors import RecipientRefused, RecipientUnavailable, Rejected
from broker.model.reason import Reason
from broker.pipeline.breaker import Patience
from broker.testing import alert_id_of, make_alert, make_release
from broker.wire import codec
from broker.wire.partition import partition_of

pytestmark = pytest.mark.kafka

AWAY = RecipientUnavailable("HTTP_503")
NEVER = RecipientRefused("HTTP_422")
ALERT = alert_id_of(1)
_RELEASE = make_release(make_alert()).value


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


def _alert(revision=1, alert_id=ALERT, **label):
    kind = {} if revision == 1 else {"message_type": "UPDATE"}
    return make_alert(alert_id=alert_id, revision=revision, **(kind | label))


def _cancel(revision, alert_id=ALERT):
    return _alert(revision, alert_id, message_type="CANCEL")


async def test_an_unavailable_recipient_holds_its_feed_back_and_order_stays(region):
    first, second = _alert(), _alert(alert_id=alert_id_of(2))
    partner = Partner(AWAY, AWAY, AWAY, AWAY)
    await region.route(first, second)

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 2)

    assert partner.attempts == 6
    assert {view.alert_id for view in partner.taken} == {ALERT, alert_id_of(2)}
    entries = [e for e in (await region.audit()).of("DELIVERED") if e.feed == FEED]
    assert sorted(e.attempts for e in entries) == [1, 5]
    assert {e.reference for e in entries} == {"TAKEN"}


async def test_revisions_arrive_in_order_though_each_fails_first(region):
    partner = Partner()
    await region.route(_alert())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
        for revision in (2, 3):
            partner.says = [AWAY, AWAY]
            await region.route(_alert(revision))
            await until(lambda wanted=revision: role.status()[FEED].delivered == wanted)
        partner.says = [AWAY]
        await region.route(_cancel(4))
        await until(lambda: role.status()[FEED].delivered == 4)

    assert partner.seen() == [(1, "RELEASE"), (2, "RELEASE"), (3, "RELEASE"), (4, "RECALL")]


async def test_after_failures_in_a_row_the_breaker_leaves_the_recipient_alone(region):
    partner = Partner(always=AWAY)
    calm = Patience(first_seconds=0.01, longest_seconds=0.02, failures_to_open=3, open_seconds=3600)
    await region.route(_alert())

    async with region.delivering({FEED: partner}, patience=calm) as role:
        await until(lambda: role.status()[FEED].state == "open")
        await asyncio.sleep(0.3)

    assert partner.attempts == 3
    assert role.status()[FEED].oldest_waiting_ms is not None
    assert await region.ends() == []


async def test_the_wait_that_the_recipient_asked_for_is_kept(region):
    partner = Partner(RecipientUnavailable("HTTP_429", 3600.0))
    await region.route(_alert())

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].state == "waiting")
        await asyncio.sleep(0.3)

    assert partner.attempts == 1


async def test_a_dead_partner_delays_its_own_feed_only(region):
    dead, well = Partner(always=AWAY), Partner()
    await region.route(*(_alert(alert_id=alert_id_of(n)) for n in range(1, 6)))

    async with region.delivering({FEED: dead, OTHER: well}) as role:
        await until(lambda: role.status()[OTHER].delivered == 5)

    assert dead.taken == []
    assert len(well.taken) == 5
    assert await region.ends() == []


async def test_a_connector_that_cannot_open_is_tried_again(region):
    partner = Partner()
    faults = [OSError(13, "SYNTHETIC"), None]

    async def open_late() -> None:
        fault = faults.pop(0)
        if fault:
            raise fault

    partner.open = open_late
    await region.route(_alert())

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert faults == []


async def test_a_refused_release_parks_its_alert_and_later_revisions_of_it(region):
    other = alert_id_of(2)
    partner = Partner(NEVER)
    await region.route(_alert())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(_alert(2), _alert(alert_id=other))
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
    await region.route(_alert())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)
        await region.route(_alert(2))
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(_cancel(3))
        await until(lambda: role.status()[FEED].delivered == 2)

    assert partner.seen() == [(1, "RELEASE"), (3, "RECALL")]


async def test_a_recall_of_what_was_never_held_stays_behind_its_alert(region):
    partner = Partner(NEVER)
    await region.route(_alert())
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].dead_lettered == 1)
        await region.route(_cancel(2))
        await until(lambda: role.status()[FEED].dead_lettered == 2)

    assert partner.taken == []
    assert [each["kind"] for each in await region.dead_letters()] == ["RELEASE", "RECALL"]


async def test_a_wave_of_refusals_stops_the_feed_and_drains_nothing(region):
    alerts = [_alert(alert_id=alert_id_of(n)) for n in range(1, 31)]
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
    await region.route(_alert())

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
    await region.route(_alert(), _alert(alert_id=alert_id_of(2)))

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert role.status()[FEED].dead_lettered == 1
    assert [letter["reason"] for letter in await region.dead_letters()] == ["CODE_UNKNOWN"]


async def test_an_unforeseen_fault_is_tried_again_and_loses_nothing(region):
    partner = Partner(ZeroDivisionError("SYNTHETIC"), KeyError("SYNTHETIC"))
    await region.route(_alert())

    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert partner.attempts == 3


async def test_a_restart_redelivers_nothing(region):
    await region.route(_alert(), _alert(alert_id=alert_id_of(2)))
    first, second = Partner(), Partner()
    async with region.delivering({FEED: first}) as role:
        await until(lambda: role.status()[FEED].delivered == 2)
        await region.recorded(2)
    await region.route(_alert(2))

    async with region.delivering({FEED: second}) as role:
        await until(lambda: role.status()[FEED].delivered == 1)

    assert second.seen() == [(2, "RELEASE")]


async def test_what_is_recorded_is_not_delivered_again_though_no_offset_was_committed(
    region, monkeypatch
):
    await region.route(_alert())
    partner = Partner()
    commit = AIOKafkaConsumer.commit
    failing = True

    async def fail(self, offsets=None):
        if failing and next(iter(offsets)).topic == region.topics.feed(FEED):
            raise KafkaError("SYNTHETIC")
        await commit(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", fail)
    async with region.delivering({FEED: partner}):
        await region.recorded(1)
    await region.route(_alert(2))
    async with region.delivering({FEED: partner}):
        await region.recorded(2)
    failing = False
    before = await region.ends()
    async with region.delivering({FEED: partner}):
        await region.route(_alert(3))
        await region.recorded(3)

    assert partner.seen() == [(1, "RELEASE"), (2, "RELEASE"), (3, "RELEASE")]
    assert before == [("DELIVERED", 1, None), ("DELIVERED", 2, None)]
    assert await region.ends() == [*before, ("DELIVERED", 3, None)]


async def test_before_it_is_recorded_a_delivery_repeats_under_the_same_key(region, monkeypatch):
    from broker.pipeline.delivery_writer import DeliveryWriter

    await region.route(_alert())
    partner = Partner()
    flush = DeliveryWriter.flush
    failing = True

    async def fail(self):
        nonlocal failing
        if failing and self._pending:
            failing = False
            raise KafkaError("SYNTHETIC")
        await flush(self)

    monkeypatch.setattr(DeliveryWriter, "flush", fail)
    async with region.delivering({FEED: partner}) as role:
        await until(lambda: role.status()[FEED].delivered == 2)

    assert len(partner.keys) == 2
    assert len(set(partner.keys)) == 1
    assert await region.ends() == [("DELIVERED", 1, None)]
    assert (await region.audit()).repeated == 1
