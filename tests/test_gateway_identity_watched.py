"""Files that revoke: read again whenever they may have changed, and never trusted when damaged."""

import os
import time

import pytest

from broker.gateway.identity import watched
from broker.gateway.identity.watched import Watched

LONG_AGO = time.time_ns() - 3600 * 10**9


@pytest.fixture
def counted(tmp_path):
    file = tmp_path / "list"
    file.write_text("one")
    reads = []

    def read():
        reads.append(file.read_text() if file.exists() else None)
        if reads[-1] == "damaged":
            raise ValueError("DAMAGED")
        return reads[-1]

    return file, reads, Watched(read, lambda _: [file])


def _stamped(monkeypatch, newest):
    """Let every file look as if it last changed at one moment, as a coarse clock does."""
    monkeypatch.setattr(
        watched, "_stamp", lambda file: (newest, newest, 3, 1) if file.exists() else None
    )


def test_a_file_that_stays_is_read_once(counted, monkeypatch):
    _, reads, watching = counted
    _stamped(monkeypatch, LONG_AGO)
    assert [watching.now() for _ in range(5)] == ["one"] * 5
    assert reads == ["one"]


def test_a_change_that_the_clock_does_not_show_is_seen_all_the_same(counted, monkeypatch):
    file, _, watching = counted
    _stamped(monkeypatch, time.time_ns())
    assert watching.now() == "one"
    file.write_text("two")  # of the same size, in the same tick
    assert watching.now() == "two"


def test_every_way_to_change_a_file_is_seen(counted, tmp_path):
    file, _, watching = counted
    assert watching.now() == "one"
    file.write_text("two")
    assert watching.now() == "two"
    other = tmp_path / "other"
    other.write_text("six")
    os.utime(other, ns=(LONG_AGO, LONG_AGO))
    other.replace(file)
    assert watching.now() == "six"
    file.unlink()
    assert watching.now() is None
    file.write_text("one")
    assert watching.now() == "one"


def test_what_was_read_before_the_damage_is_not_used(counted, monkeypatch):
    file, _, watching = counted
    _stamped(monkeypatch, LONG_AGO)
    assert watching.now() == "one"
    _stamped(monkeypatch, LONG_AGO + 1)
    file.write_text("damaged")
    for _ in range(2):
        with pytest.raises(ValueError, match="DAMAGED"):
            watching.now()
    file.write_text("one")
    assert watching.now() == "one"
