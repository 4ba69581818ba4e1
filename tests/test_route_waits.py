"""B15: route sets aside what the bytes deserve; its own trouble waits, whatever it is."""

import errno
import sqlite3
from types import SimpleNamespace

import pytest

from broker.errors import KeeperUnavailable, Rejected, SettingsInvalid
from broker.model.reason import Reason
from broker.pipeline.lane import take_until_full
from broker.wire.producer import TransactionFailed

RECORD = SimpleNamespace(partition=0, offset=7)


class UnknownTrouble(Exception):
    """Nobody has thought of it."""


OURS = [
    OSError(errno.ENOSPC, "disk full"),
    MemoryError(),
    sqlite3.OperationalError("database is locked"),
    SettingsInvalid("a key file is open to others"),
    KeeperUnavailable("KEYS_AWAY"),
    RuntimeError(),
    KeyError("a feed that our own code forgot"),
    ValueError(),
    TypeError(),
    AttributeError(),
    IndexError(),
    ZeroDivisionError(),
    UnknownTrouble(),
]


def taken(fault):
    def take(record, outbox):
        raise fault

    with pytest.raises(TransactionFailed) as failed:
        take_until_full([RECORD], SimpleNamespace(size=0), take)
    return failed.value


@pytest.mark.parametrize("fault", OURS, ids=lambda each: type(each).__name__)
def test_b15_trouble_of_our_own_waits(fault):
    assert not taken(fault).for_good


def test_b15_what_the_bytes_deserve_is_for_good():
    assert taken(Rejected(Reason.TRUNCATED)).for_good
