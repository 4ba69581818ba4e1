"""B15: accept sets aside what the bytes deserve; its own trouble waits, whatever it is."""

import errno
import sqlite3

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from structlog.testing import capture_logs

from broker.errors import KeeperUnavailable, Rejected, SettingsInvalid
from broker.model.reason import Reason
from broker.pipeline import accept
from broker.pipeline.accept import Accept
from broker.pipeline.waiting import Waits
from broker.testing import make_alert
from broker.wire.alert_codec import encode_alert
from broker.wire.connection import Connection
from broker.wire.topics import Topics

UNIT = "fiji-immigration"
TOPICS = Topics(partitions=1)
INTAKE = TopicPartition(TOPICS.intake(UNIT), 0)


class UnknownTrouble(Exception):
    """Nobody has thought of it."""


TROUBLES = [
    OSError(errno.ENOSPC, "disk full"),
    PermissionError("key file"),
    MemoryError(),
    sqlite3.OperationalError("database is locked"),
    sqlite3.DatabaseError("disk image is malformed"),
    SettingsInvalid("a key file is open to others"),
    KeeperUnavailable("KEYS_AWAY"),
    KeyError("key"),
    RecursionError(),
    UnknownTrouble(),
]


class Outbox:
    def __init__(self):
        self.added = []

    def add(self, fanout, key, value, headers=()):
        self.added.append((fanout.targets[0].topic, key))


def published(offset):
    alert = make_alert(originator=UNIT)
    key = str(alert.label.alert_id).encode()
    return ConsumerRecord(*INTAKE, offset, 0, 0, key, encode_alert(alert), None, 0, 0, ())


def role():
    return Accept(Connection("127.0.0.1:9"), TOPICS, [UNIT])


def fails_at(monkeypatch, offset, fault):
    """Let accept's checks fail so for the record at *offset*."""
    checks = accept.accept

    def check(record, *rest):
        if record.offset == offset:
            raise fault
        return checks(record, *rest)

    monkeypatch.setattr(accept, "accept", check)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: type(each).__name__)
async def test_b15_trouble_of_our_own_quarantines_nothing_and_waits_where_it_is(
    monkeypatch, trouble
):
    fails_at(monkeypatch, 2, trouble)
    outbox, accepting = Outbox(), role()

    with capture_logs() as said:
        goes_on_at = await accepting._take_all(INTAKE, [published(n) for n in range(5)], outbox)

    assert goes_on_at == 2
    assert [topic for topic, _ in outbox.added] == [TOPICS.alerts] * 2
    assert accepting.counts == {"accepted": 2, "quarantined": 0}
    (told,) = [each for each in said if each["event"] == "record.waits"]
    assert (told["code"], told["offset"], told["log_level"]) == (type(trouble).__name__, 2, "error")


async def test_b15_what_the_bytes_deserve_is_set_aside_and_the_next_flow(monkeypatch):
    fails_at(monkeypatch, 1, Rejected(Reason.DEPTH, "label"))
    outbox, accepting = Outbox(), role()

    assert await accepting._take_all(INTAKE, [published(n) for n in range(3)], outbox) == 3

    topics = [topic for topic, _ in outbox.added]
    assert topics == [TOPICS.alerts, TOPICS.quarantine, TOPICS.audit, TOPICS.alerts]


async def test_b15_what_cannot_be_set_aside_waits_as_well(monkeypatch):
    """The hub has no key to seal an original with: it is not lost, and nobody else waits."""
    fails_at(monkeypatch, 1, Rejected(Reason.DEPTH, "label"))
    outbox, accepting = Outbox(), role()

    def no_key(*_):
        raise Rejected(Reason.KEY_UNKNOWN, "hub.hub")

    monkeypatch.setattr(accepting._set_aside, "write", no_key)

    assert await accepting._take_all(INTAKE, [published(n) for n in range(3)], outbox) == 1
    assert accepting.counts == {"accepted": 1, "quarantined": 0}


def test_b15_waits_grow_to_a_bound_and_begin_anew_where_something_passed():
    now = [0.0]
    waits = Waits("accept", clock=lambda: now[0], first_seconds=1.0, longest_seconds=4.0)
    lengths = []
    for _ in range(5):
        waits.begin(INTAKE, 1, OSError())
        begun = now[0]
        while not waits.over([INTAKE]):
            now[0] += 0.5
        lengths.append(now[0] - begun)
    waits.passed(INTAKE)
    waits.begin(INTAKE, 2, OSError())

    assert lengths == [1.0, 2.0, 4.0, 4.0, 4.0]
    assert waits.over([INTAKE]) == []
    now[0] += 1.0
    assert waits.over([INTAKE]) == [INTAKE]


def test_b15_one_trouble_is_told_once_until_it_changes():
    waits = Waits("accept")
    with capture_logs() as said:
        for fault in (OSError(), OSError(), MemoryError()):
            waits.begin(INTAKE, 1, fault)
        waits.passed(INTAKE)
        waits.passed(INTAKE)

    told = [(each["event"], each.get("code")) for each in said]
    assert told == [
        ("record.waits", "OSError"),
        ("record.waits", "MemoryError"),
        ("record.waits_no_more", None),
    ]
