"""What must outlive a power cut is on the disk before anybody is answered; the rest need not."""

import uuid

import pytest

from broker.gateway.database import Database
from broker.gateway.repeats import Repeats
from broker.gateway.spool import Spool, SpoolFull

FULL, NORMAL = 2, 1


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "gateway")
    yield made
    made.close()


class Watched:
    """Notes how each transaction of a database is put to disk."""

    def __init__(self, database, monkeypatch):
        self.levels = []
        seen = database.transaction

        def transaction(**how):
            made = seen(**how)

            class Noting:
                def __enter__(noting):  # noqa: N805 - its own self is outside
                    sql = made.__enter__()
                    self.levels.append(sql.execute("PRAGMA synchronous").fetchone()[0])
                    return sql

                def __exit__(noting, *error):  # noqa: N805
                    return made.__exit__(*error)

            return Noting()

        monkeypatch.setattr(database, "transaction", transaction)


def test_an_alert_in_the_spool_is_synced_and_so_is_the_key_of_a_request(database, monkeypatch):
    watched = Watched(database, monkeypatch)
    Spool(database, 1 << 20).add("fiji-police", uuid.uuid4(), 1, b"sealed")
    Repeats(database, b"x" * 32).first_seen("fiji-police", "key", b"body", 1)
    assert watched.levels == [FULL, FULL]


def test_what_kafka_has_too_does_not_hold_up_requests(database, monkeypatch):
    spool = Spool(database, 1 << 20)
    spool.add("fiji-police", uuid.uuid4(), 1, b"sealed")
    watched = Watched(database, monkeypatch)
    spool.drop(spool.first(1)[0].number)
    with database.transaction() as sql:
        sql.execute("DELETE FROM shelved")
    assert watched.levels == [NORMAL, NORMAL]


def test_a_spool_is_bounded_and_keeps_its_order(database):
    spool = Spool(database, 1 << 20)
    ids = [uuid.uuid4() for _ in range(4)]
    for number, alert_id in enumerate(ids):
        spool.add("fiji-police", alert_id, number, b"x" * (1 << 18))
    with pytest.raises(SpoolFull):
        spool.add("fiji-police", uuid.uuid4(), 1, b"x")
    assert [each.alert_id for each in spool.first(10)] == ids
    spool.drop(spool.first(1)[0].number)
    spool.add("fiji-police", ids[0], 9, b"x")
    assert [each.revision for each in spool.first(10)] == [1, 2, 3, 9]
    assert "xx" not in repr(spool.first(1))


def test_a_spool_is_there_after_a_restart(tmp_path):
    first = Database(tmp_path / "gateway")
    Spool(first, 1 << 20).add("fiji-police", alert_id := uuid.uuid4(), 3, b"sealed")
    first.close()
    again = Database(tmp_path / "gateway")
    (waiting,) = Spool(again, 1 << 20).first(5)
    assert (waiting.alert_id, waiting.revision, waiting.value) == (alert_id, 3, b"sealed")
    again.close()
