"""What a gateway remembers of alerts that it published, before anything else knows of them."""

from types import SimpleNamespace
from uuid import uuid4

import pytest

from broker.gateway.database import Database
from broker.gateway.feeds_aside import ASIDE, row_of
from broker.gateway.standing import Standings
from broker.model.release import ReleaseKind
from broker.pipeline.delivery_records import delivery_entry
from broker.pipeline.holding import Share
from broker.testing import make_recall

NOON = 1_790_000_000_000


@pytest.fixture
def standings(tmp_path):
    database = Database(tmp_path / "gateway")
    yield Standings(database, SimpleNamespace(peek=lambda _: None))
    database.close()


def test_an_id_that_another_unit_used_first_hides_no_alert_from_who_published_it(standings):
    alert_id = uuid4()
    standings.note_published("reef-helpline", [(alert_id, 1)], NOON)
    assert standings.of(alert_id, "lagoon-house", NOON) is None
    standings.note_published("lagoon-house", [(alert_id, 1)], NOON)
    for unit in ("reef-helpline", "lagoon-house"):
        assert standings.of(alert_id, unit, NOON).state == "PUBLISHED"


def test_a_units_own_alerts_are_listed_newest_first_each_once(standings):
    first, second = uuid4(), uuid4()
    standings.note_published("lagoon-house", [(first, 1)], NOON)
    standings.note_published("lagoon-house", [(second, 1)], NOON + 1)
    standings.note_published("lagoon-house", [(first, 2)], NOON + 2)
    standings.note_published("reef-helpline", [(uuid4(), 1)], NOON)
    assert standings.own("lagoon-house", 9) == [(second, NOON + 1), (first, NOON)]
    assert standings.own("lagoon-house", 1) == [(second, NOON + 1)]


def _taken(standings, database, alert_id, feed, revision, kind):
    """Have the audit log say that *feed* took something of an alert."""
    release = make_recall(alert_id, revision)
    if kind == "RELEASE":
        release = release._replace(kind=ReleaseKind.RELEASE)
    entry = delivery_entry("DELIVERED", feed, release, NOON, bytes(32), reference="HTTP_202")
    with database.transaction():
        standings.take([SimpleNamespace(value=entry, offset=0)])


def test_b17_an_originator_sees_how_many_have_the_recall(tmp_path):
    database, alert_id = Database(tmp_path / "gateway"), uuid4()
    shares = {
        "has-it": Share(2, recalled=True),
        "has-the-release-only": Share(2, recalled=True),
        "had-an-earlier-one": Share(2, recalled=True),
        "holds-it": Share(2, recalled=False),
    }
    holding = SimpleNamespace(
        shares=shares, cancelled=True, expires_at=NOON, is_unreadable=False,
        view=lambda: {"originator": "lagoon-house"},
    )  # fmt: skip
    standings = Standings(database, SimpleNamespace(peek=lambda _: holding))
    standings.note_published("lagoon-house", [(alert_id, 1)], NOON)
    for feed, revision, kind in (
        ("has-it", 1, "RELEASE"), ("has-it", 2, "RECALL"), ("has-the-release-only", 2, "RELEASE"),
        ("had-an-earlier-one", 1, "RECALL"), ("holds-it", 2, "RELEASE"),
    ):  # fmt: skip
        _taken(standings, database, alert_id, feed, revision, kind)

    found = standings.of(alert_id, "lagoon-house", NOON)

    assert (found.recalled, found.recalls_taken) == (3, 1)
    database.close()


def test_12_01_an_entry_without_a_place_ends_nothing():
    entry = SimpleNamespace(kind=ASIDE, source=None)
    assert row_of(entry) is None
    assert row_of(SimpleNamespace(kind="DECIDED", source=("t", 0, 0))) is None
