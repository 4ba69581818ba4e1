"""A06: whoever publishes under another's alert id learns nothing of that alert, at any door."""

import ast
import hashlib
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

import broker.gateway
from broker.gateway.alert_routes import cancelled
from broker.gateway.database import Database
from broker.gateway.form.following import told
from broker.gateway.problems import Problem
from broker.gateway.standing import Standings
from broker.pipeline.holding import Holding, Share
from broker.wire import codec

NOON = 1_790_000_000_000
OWNER, OUTSIDER = "reef-helpline", "lagoon-house"
#: What may become of the owner's alert; nothing of it may show.
FATES = ["unknown", "accepted", "acted upon", "cancelled", "expired", "erased", "forgotten"]


class Held(Holding):
    """A holding whose view is given."""

    def view(self):
        return {"originator": OWNER, "exploitation": ["FORCED_LABOUR"]}


class Ledger:
    """What the gateway has read of the ledger."""

    def __init__(self):
        self.held = {}

    def peek(self, alert_id):
        return self.held.get(alert_id)


def entry(alert_id, kind, originator=None, feed=None, **more):
    said = {
        "entry_id": hashlib.sha256(f"{kind}{originator}{feed}".encode()).digest()[:16],
        "kind": kind, "stage": "ROUTE", "at": NOON, "alert_id": alert_id.bytes, "revision": 1,
        "recalled": [], "originator": originator, "feed": feed, **more,
    }  # fmt: skip
    return SimpleNamespace(value=codec.encode("audit-entry", said), offset=0)


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "gateway")
    yield made
    made.close()


def become(alert_id, fate, ledger, standings):
    """Make of the owner's alert what *fate* says."""
    if fate == "unknown":
        return
    digests = {"message_type": "ALERT", "bundle_digest": b"b" * 32, "plan_digest": b"p" * 32}
    entries = [entry(alert_id, "DECIDED", OWNER, **digests)]
    if fate in ("acted upon", "cancelled", "forgotten"):
        kinds = ("DELIVERED", "RECEIVED", "ACKNOWLEDGED", "ACTED_UPON", "REFUSED")
        entries += [entry(alert_id, kind, feed=f"f{n}") for kind in kinds for n in range(3)]
    if fate == "erased":
        entries.append(entry(alert_id, "ERASED"))
    standings.take(entries)
    if fate != "forgotten":
        expires = NOON - 1 if fate == "expired" else NOON + 1
        shares = {"f1": Share(1, recalled=fate == "cancelled")}
        ledger.held[alert_id] = Held(1, fate == "cancelled", expires, b"", b"", shares)


def published_by(unit, database, fate):
    """Return the gateway's parts, after *unit* published under an id of which came *fate*."""
    alert_id, ledger = uuid4(), Ledger()
    standings = Standings(database, ledger)
    become(alert_id, fate, ledger, standings)
    standings.note_published(unit, [(alert_id, 1)], NOON)
    doors = SimpleNamespace(standings=standings, holdings=ledger, clock=lambda: NOON)
    return alert_id, standings, doors


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("reason", [None, "ORIGINATOR_CHANGED"])
def test_a06_an_outsider_is_told_of_its_own_publication_alone(database, fate, reason):
    alert_id, standings, _ = published_by(OUTSIDER, database, fate)
    if reason:
        standings.take([entry(alert_id, "QUARANTINED", OUTSIDER, reason=reason)])
    seen = standings.of(alert_id, OUTSIDER, NOON)
    assert seen.state == ("QUARANTINED" if reason else "PUBLISHED")
    counts = (seen.feeds, seen.recalled, seen.delivered, seen.received, seen.acknowledged)
    assert (*counts, seen.acted_upon, seen.refused) == (0,) * 7
    assert {(each.revision, each.reason) for each in seen.revisions} == {(1, reason)}
    assert told(seen)[0] in ("Received", "Could not be accepted")  # the form's words


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("consent", [None, "WITHDRAWN"])
async def test_a06_a_cancel_answers_an_outsider_the_same_whatever_became_of_it(
    database, fate, consent
):
    alert_id, standings, doors = published_by(OUTSIDER, database, fate)
    said = {"reason": "ORIGINATOR_CHANGED"}
    standings.take([entry(alert_id, "QUARANTINED", OUTSIDER, **said)])
    with pytest.raises(Problem) as met:
        await cancelled(doors, OUTSIDER, alert_id, consent)
    assert (met.value.status, met.value.code) == (409, "NOT_ACCEPTED")


@pytest.mark.parametrize("fate", FATES)
async def test_a06_who_published_nothing_under_an_id_finds_nothing(database, fate):
    alert_id, standings, doors = published_by(OWNER, database, fate)
    assert standings.of(alert_id, OUTSIDER, NOON) is None
    with pytest.raises(Problem) as met:
        await cancelled(doors, OUTSIDER, alert_id)
    assert (met.value.status, met.value.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize("fate", ["acted upon", "forgotten"])
def test_a06_the_owner_keeps_its_counts_when_an_outsider_uses_its_id(database, fate):
    alert_id, standings, _ = published_by(OWNER, database, fate)
    standings.note_published(OUTSIDER, [(alert_id, 1)], NOON)
    standings.take([entry(alert_id, "QUARANTINED", OUTSIDER, reason="ORIGINATOR_CHANGED")])
    seen = standings.of(alert_id, OWNER, NOON)
    assert (seen.delivered, seen.acknowledged, seen.acted_upon) == (3, 3, 3)
    assert [each.state for each in seen.revisions] == ["ACCEPTED"]


def test_a06_one_place_alone_asks_the_ledger_for_an_alert_by_its_id():
    folder = Path(broker.gateway.__file__).parent
    asking = {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "peek"
    }
    assert asking == {"ownership.py"}


@pytest.mark.parametrize("fate", FATES)
def test_a06_what_is_anothers_takes_no_step_more_than_what_is_not_there(database, fate):
    """Time tells nothing, for nothing of the alert is looked at: the steps of SQLite are equal."""
    foreign, ledger = uuid4(), Ledger()
    standings = Standings(database, ledger)
    become(foreign, fate, ledger, standings)
    read = ledger.peek = Peeked(ledger.peek)
    steps = [
        _steps(database, lambda it=it: standings.of(it, OUTSIDER, NOON))
        for it in (foreign, uuid4())
    ]
    assert steps[0] == steps[1] > 0
    assert not read.asked


class Peeked:
    """Asks a ledger, and remembers of what."""

    def __init__(self, peek):
        self._peek, self.asked = peek, []

    def __call__(self, alert_id):
        self.asked.append(alert_id)
        return self._peek(alert_id)


def _steps(database, look) -> int:
    """Return how many steps SQLite takes while *look* finds nothing."""
    taken = []
    database.connection.set_progress_handler(lambda: taken.append(1), 1)
    try:
        assert look() is None
    finally:
        database.connection.set_progress_handler(None, 1)
    return len(taken)
