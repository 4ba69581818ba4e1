"""The balance: it finds each kind of planted fault, and calls it by its name."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from delivering import Region

from broker.audit.balance import Balance, balance, read_disclosed, read_published
from broker.audit.log import AuditEntry, AuditLog
from broker.model.decision import Outcome, PlanGroup, Recipient, Verdict
from broker.model.reason import Reason
from broker.testing import alert_id_of, make_alert
from broker.wire.plan_codec import make_plan
from broker.wire.tail import read_to_end

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEES, NOT = "apia-desk", "suva-desk"
ALERT, OTHER = alert_id_of(1), alert_id_of(2)
PLAN = make_plan(
    b"\1" * 32,
    (
        PlanGroup(
            Outcome(Verdict.RELEASE, 3, ("shows",)), (Recipient(SEES, "apia", "PROTECT_VICTIM"),)
        ),
        PlanGroup(
            Outcome(Verdict.WITHHOLD, 0, (), Reason.NO_RULE_PERMITS),
            (Recipient(NOT, "suva", "PROTECT_VICTIM"),),
        ),
    ),
)


def _entry(number, kind, **more):
    stage = {"DECIDED": "ROUTE", "DUPLICATE": "ROUTE", "QUARANTINED": "ACCEPT"}.get(kind, "DELIVER")
    empty = dict.fromkeys(AuditEntry.__dataclass_fields__)
    known = {"entry_id": bytes([number]), "kind": kind, "stage": stage, "at": WHEN, "recalled": ()}
    return AuditEntry(**(empty | known | more))


def _at(offset):
    return ("in.apia", 0, offset)


def _decided(number, alert_id, revision, message_type="ALERT", **more):
    return _entry(
        number, "DECIDED", alert_id=alert_id, revision=revision, source=_at(number),
        message_type=message_type, plan_digest=PLAN.digest, **more,
    )  # fmt: skip


def _ended(number, kind, alert_id, revision, release_kind="RELEASE", **more):
    return _entry(
        number, kind, feed=SEES, alert_id=alert_id, revision=revision, release_kind=release_kind,
        **more,
    )  # fmt: skip


class Books:
    """A small region whose books balance, to be spoilt."""

    def __init__(self):
        self.published = {_at(number) for number in range(5)}
        self.log = AuditLog(plans={PLAN.digest: PLAN})
        self.log.entries = [
            _decided(0, ALERT, 1),
            _decided(1, ALERT, 2, "CANCEL", recalled=(SEES,)),
            _decided(2, OTHER, 1),
            _entry(3, "DUPLICATE", alert_id=OTHER, revision=1, source=_at(3)),
            _entry(4, "QUARANTINED", reason="FRAMING", source=_at(4)),
            _ended(10, "NOT_DELIVERED", ALERT, 1, reason="RECALLED"),
            _ended(11, "DELIVERED", ALERT, 2, "RECALL"),
            _ended(12, "DEAD_LETTERED", OTHER, 1, reason="RECIPIENT_REFUSED"),
        ]
        self.disclosed = Counter(
            {
                (SEES, ALERT, 1, "RELEASE"): 1,
                (SEES, ALERT, 2, "RECALL"): 1,
                (SEES, OTHER, 1, "RELEASE"): 1,
            }
        )

    def balance(self):
        return balance(self.published, self.log, self.disclosed, frozenset({SEES}))

    def without(self, number):
        self.log.entries = [e for e in self.log.entries if e.entry_id != bytes([number])]


def _faults(books):
    names = "unaccounted accounted_twice missing surplus repeated undelivered".split()
    return {name: found for name in names if (found := getattr(books, name))}


def test_books_without_a_fault_balance():
    found = Books().balance()
    assert found.holds
    assert _faults(found) == {}
    assert found == Balance(
        published=5, accepted=3, duplicates=1, quarantined=1, released=2, withheld=3, recalled=1,
        delivered=1, not_delivered=1, dead_lettered=1,
    )  # fmt: skip


def test_a_publication_of_which_nothing_is_said_is_unaccounted_and_lost():
    books = Books()
    books.published.add(_at(99))
    found = books.balance()
    assert _faults(found) == {"unaccounted": [_at(99)]}
    assert (found.lost, found.holds) == (1, False)


def test_one_publication_of_which_two_things_are_said_is_accounted_twice():
    books = Books()
    books.log.entries.append(_entry(20, "DUPLICATE", alert_id=OTHER, revision=1, source=_at(2)))
    found = books.balance()
    assert _faults(found) == {"accounted_twice": [_at(2)]}
    assert not found.holds


def test_one_lost_and_one_counted_twice_do_not_cancel_out():
    books = Books()
    books.without(4)
    books.log.entries.append(_entry(20, "QUARANTINED", reason="FRAMING", source=_at(3)))
    found = books.balance()
    assert found.published == found.accepted + found.duplicates + found.quarantined
    assert _faults(found) == {"unaccounted": [_at(4)], "accounted_twice": [_at(3)]}
    assert not found.holds


def test_an_entry_of_what_was_never_published_is_noticed():
    books = Books()
    books.log.entries.append(_entry(20, "QUARANTINED", reason="FRAMING", source=_at(77)))
    assert not books.balance().holds


def test_what_is_said_to_be_released_and_is_not_in_the_feed_is_missing_and_lost():
    books = Books()
    del books.disclosed[SEES, OTHER, 1, "RELEASE"]
    found = books.balance()
    assert _faults(found) == {"missing": [(SEES, OTHER, 1, "RELEASE")]}
    assert (found.lost, found.holds) == (1, False)


def test_a_recall_that_is_not_in_the_feed_is_missing():
    books = Books()
    del books.disclosed[SEES, ALERT, 2, "RECALL"]
    assert _faults(books.balance()) == {"missing": [(SEES, ALERT, 2, "RECALL")]}


@pytest.mark.parametrize(
    "planted",
    [
        (NOT, ALERT, 1, "RELEASE"),  # withheld from that feed
        (SEES, ALERT, 3, "RELEASE"),  # a revision that was never decided
        (SEES, ALERT, 2, "RELEASE"),  # a release where only a recall was due
        (SEES, alert_id_of(9), 1, "RELEASE"),
    ],
    ids=["withheld", "revision", "kind", "alert"],
)
def test_what_is_in_a_feed_and_not_in_the_audit_log_is_surplus(planted):
    books = Books()
    books.disclosed[planted] += 1
    books.log.entries.append(
        _entry(
            20, "DELIVERED", feed=planted[0], alert_id=planted[1], revision=planted[2],
            release_kind=planted[3],
        )
    )  # fmt: skip
    found = books.balance()
    assert _faults(found) == {"surplus": [planted]}
    assert not found.holds


def test_a_release_that_is_twice_in_a_feed_is_repeated():
    books = Books()
    books.disclosed[SEES, OTHER, 1, "RELEASE"] += 1
    found = books.balance()
    assert _faults(found) == {"repeated": [(SEES, OTHER, 1, "RELEASE")]}
    assert (found.lost, found.holds) == (0, False)


@pytest.mark.parametrize(
    ("number", "missing"),
    [
        (10, (SEES, ALERT, 1, "RELEASE")),
        (11, (SEES, ALERT, 2, "RECALL")),
        (12, (SEES, OTHER, 1, "RELEASE")),
    ],
)
def test_a_release_without_an_end_is_undelivered_where_the_feed_has_a_connector(number, missing):
    books = Books()
    books.without(number)
    found = books.balance()
    assert _faults(found) == {"undelivered": [missing]}
    assert (found.lost, found.holds) == (1, False)
    assert balance(books.published, books.log, books.disclosed).holds


def test_an_end_of_another_revision_does_not_count():
    books = Books()
    entries = books.log.entries
    entries[5] = replace(entries[5], revision=2)
    assert _faults(books.balance()) == {"undelivered": [(SEES, ALERT, 1, "RELEASE")]}


@pytest.mark.kafka
async def test_the_balance_of_a_real_kafka_finds_a_release_that_nobody_decided(connection, topics):
    region = Region(connection, topics)
    await region.prepare()
    await region.route(make_alert(alert_id=ALERT))
    feeds = ["ptccc-coordinate", "fiji-tcu-investigate"]
    log = await region.audit()
    before = await read_disclosed(connection, topics, feeds)
    (record, *_) = [r async for r in read_to_end(connection, [topics.feed("ptccc-coordinate")])]
    await region.write(topics.feed("fiji-tcu-investigate"), record.key, record.value, 0)

    after = balance(set(), log, await read_disclosed(connection, topics, feeds))

    assert balance(set(), log, before).surplus == []
    assert after.repeated == [("fiji-tcu-investigate", ALERT, 1, "RELEASE")]
    assert await read_published(connection, topics, ["nobody"]) == set()
