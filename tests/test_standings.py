"""What a gateway remembers of alerts that it published, before anything else knows of them."""

from types import SimpleNamespace
from uuid import uuid4

import pytest

from broker.gateway.database import Database
from broker.gateway.standing import Standings

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
