"""The shelf: the same order for pages, streams and TAXII, and nothing ever below the horizon."""

import sqlite3
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import SettingsInvalid
from broker.gateway import database as database_module
from broker.gateway.database import Database
from broker.gateway.shelf import Shelf
from broker.testing import alert_id_of, make_alert, make_recall, make_release
from broker.wire.partition import Target
from broker.wire.topics import Topics

TOPICS = Topics("", partitions=3)
FEED = "a-feed"
VALUE = make_recall(UUID(int=5), 1).value

#: Partition, and the time of a record against the one before it, milliseconds.
STEPS = st.lists(st.tuples(st.integers(0, 2), st.integers(-2_000, 2_000)), max_size=60)


@pytest.fixture
def shelf(tmp_path):
    return shelf_in(tmp_path)


def shelf_in(folder):
    return Shelf(Database(folder), TOPICS, [FEED, "b-feed"])


def shelf_in_memory():
    """Return a shelf as `Database` makes it, without a file: many are made and dropped."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(database_module._TABLES)
    return Shelf(
        SimpleNamespace(connection=connection, writer=connection), TOPICS, [FEED, "b-feed"]
    )


def record(partition, offset, timestamp=1_000, value=VALUE, feed=FEED):
    return SimpleNamespace(
        topic=TOPICS.feed(feed),
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        value=value,
    )


def shelve(shelf, *records):
    for each in records:
        shelf.take([each])


@given(steps=STEPS)
def test_added_rises_in_a_partition_and_never_ties_in_a_feed(steps):
    shelf = shelf_in_memory()
    moment, offsets = 1_000_000, [0, 0, 0]
    for partition, change in steps:
        moment += change
        shelve(shelf, record(partition, offsets[partition], moment))
        offsets[partition] += 1
    rows = shelf.after(FEED, {}, 1000)

    assert len({row.added for row in rows}) == len(rows) == len(steps)
    assert [row.added for row in rows] == sorted(row.added for row in rows)
    for partition in range(3):
        own = [row.offset for row in rows if row.partition == partition]
        assert own == list(range(offsets[partition]))


@given(steps=STEPS, cut=st.integers(0, 60))
def test_reading_on_from_any_position_gives_the_rest(steps, cut):
    shelf = shelf_in_memory()
    offsets = [0, 0, 0]
    for partition, change in steps:
        shelve(shelf, record(partition, offsets[partition], 1_000_000 + change))
        offsets[partition] += 1
    every = shelf.after(FEED, {}, 1000)
    position = {}
    for row in shelf.after(FEED, {}, cut):
        position[row.partition] = row.offset + 1

    assert shelf.after(FEED, position, 1000) == every[cut:]


@given(steps=STEPS, cut=st.integers(0, 59))
def test_what_was_added_after_a_moment_begins_where_it_should(steps, cut):
    shelf = shelf_in_memory()
    offsets = [0, 0, 0]
    for partition, change in steps:
        shelve(shelf, record(partition, offsets[partition], 1_000_000 + change))
        offsets[partition] += 1
    every = shelf.after(FEED, {}, 1000)
    moment = every[min(cut, len(every) - 1)].added if every else 0

    since = shelf.position_since(FEED, moment)

    assert shelf.after(FEED, since, 1000) == [row for row in every if row.added > moment]


@given(
    before=STEPS,
    polled=st.integers(1, 10_000),
    late=st.lists(st.integers(-100_000, 100_000), min_size=1, max_size=20),
)
def test_nothing_is_shelved_below_the_horizon(before, polled, late):
    shelf = shelf_in_memory()
    offsets = [0, 0, 0]
    for partition, change in before:
        shelve(shelf, record(partition, offsets[partition], 1_000_000 + change))
        offsets[partition] += 1
    for partition in range(3):
        shelf.reached(Target(TOPICS.feed(FEED), partition), 1_000_000 + polled)
    horizon, known = shelf.horizon(FEED), len(shelf.after(FEED, {}, 1000))
    for change in late:  # clocks go wrong, transactions commit late
        shelve(shelf, record(1, offsets[1], 1_000_000 + change))
        offsets[1] += 1
    rows = shelf.after(FEED, {}, 1000)
    new = [row for row in rows if row.partition == 1][-len(late) :]

    assert len(rows) == known + len(late)
    assert all(row.added >= horizon for row in new)


def test_a_partition_that_has_more_to_read_holds_the_horizon_back(shelf):
    for partition in range(3):
        shelf.reached(Target(TOPICS.feed(FEED), partition), 9_000)
    high = shelf.horizon(FEED)
    fresh = shelf.horizon("b-feed")
    shelf.reached(Target(TOPICS.feed("b-feed"), 0), None)

    assert high == 9_000_000 - 2_000_000
    assert fresh == shelf.horizon("b-feed") == 0


def test_the_latest_of_an_alert_is_its_newest_revision(shelf):
    alert_id = alert_id_of(7)
    first = make_release(make_alert(alert_id=alert_id)).value
    shelve(
        shelf,
        record(0, 0, value=first),
        record(0, 1, value=make_recall(alert_id, 2).value),
        record(0, 2, value=make_recall(alert_id_of(8), 9).value),
    )
    latest = shelf.latest(FEED, alert_id)

    assert (latest.offset, latest.revision, latest.kind) == (1, 2, "RECALL")
    assert shelf.find(FEED, alert_id, 1).offset == 0
    assert shelf.latest("b-feed", alert_id) is None
    assert shelf.find(FEED, alert_id, 3) is None


def test_what_is_no_release_is_passed_over_and_its_neighbours_are_shelved(shelf):
    shelf.take([record(0, 0), record(0, 1, value=b"\x00garbage"), record(0, 2, value=None)])
    shelf.take([record(0, 3)])

    assert [row.offset for row in shelf.after(FEED, {}, 10)] == [0, 3]


def test_who_waits_is_woken_by_what_is_taken_in_its_feed_alone(shelf):
    waiting, other = shelf.next_change(FEED), shelf.next_change("b-feed")
    shelf.taken([TOPICS.feed(FEED)])

    assert waiting.is_set()
    assert not other.is_set()
    assert not shelf.next_change(FEED).is_set()


def test_a_shelf_opened_again_goes_on_where_it_was(tmp_path):
    database = Database(tmp_path)
    first = Shelf(database, TOPICS, [FEED])
    shelve(first, record(0, 0, 5_000))
    before = first.after(FEED, {}, 10)
    first.mark_recorded([(before[0], b"whole")])
    database.close()

    again = Shelf(Database(tmp_path), TOPICS, [FEED])
    shelve(again, record(0, 1, 1))
    (kept, new) = again.after(FEED, {}, 10)

    assert kept.added == before[0].added
    assert again.is_recorded(kept, b"whole")
    assert not again.is_recorded(kept, b"in part")
    assert not again.is_recorded(new, b"whole")
    assert new.added > kept.added


def test_c26_what_kafka_has_dropped_is_dropped_and_no_clock_is_asked(shelf):
    day = 86_400_000
    shelve(shelf, record(0, 0, 10 * day), record(0, 1, 20 * day))
    shelf.dropped(Target(TOPICS.feed(FEED), 0), 1)

    assert [row.offset for row in shelf.after(FEED, {}, 10)] == [1]


def test_a_topic_made_anew_empties_its_feed_alone(shelf):
    shelve(shelf, record(0, 0), record(0, 0, feed="b-feed"))
    shelf.forget(TOPICS.feed(FEED))

    assert shelf.after(FEED, {}, 10) == []
    assert len(shelf.after("b-feed", {}, 10)) == 1


def test_each_gateway_of_a_machine_has_a_file_of_its_own(tmp_path, monkeypatch):
    first, second = Database(tmp_path), Database(tmp_path)
    assert first.file != second.file
    first.close()
    third = Database(tmp_path)
    assert third.file == first.file
    monkeypatch.setattr(database_module, "_MOST_GATEWAYS", 2)
    with pytest.raises(SettingsInvalid):
        Database(tmp_path)


def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path):
    database = Database(tmp_path)
    database.close()
    database.file.write_bytes(b"SYNTHETIC, no database" * 400)
    for rest in tmp_path.glob("*-wal"):
        rest.unlink()

    again = Database(tmp_path)

    assert again.file == database.file
    assert again.connection.execute("SELECT count(*) FROM shelved").fetchone() == (0,)
    assert len(list(tmp_path.glob("gateway-0.damaged-*"))) == 1


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    database = Database(tmp_path)
    with pytest.raises(sqlite3.Error), database.transaction() as sql:  # noqa: PT012
        sql.execute("INSERT INTO position VALUES('t', 0, 1)")
        sql.execute("INSERT INTO nowhere VALUES(1)")

    assert database.connection.execute("SELECT count(*) FROM position").fetchone() == (0,)
    assert database.file.stat().st_mode & 0o077 == 0
