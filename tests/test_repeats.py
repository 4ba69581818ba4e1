"""C28: an idempotency key keeps what its answer promises, and is used up only by what was sent."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from gatewaying import ORIGINATOR
from hypothesis import given
from hypothesis import strategies as st

from broker.client.encoding import AlertEncoder
from broker.errors import Rejected, StorageUnavailable
from broker.gateway.publication import published
from broker.gateway.repeats import KEPT_MS, Asked, KeyReused, Repeats
from broker.model.reason import Reason
from broker.wire.alert_codec import read_label

NOON = 1_790_000_000_000
SECRET = b"s" * 32
SHORT = {"label": {"tlp": "AMBER", "source_type": "AGENCY"}}


class Hub:
    """What gateways share: Kafka's records, and what route took as the audit log tells it."""

    def __init__(self):
        self.sent = []

    def taken_before(self, unit, first, end):
        ids = {alert_id for name, alert_id, _ in self.sent if name == unit}
        return frozenset(each for each in ids if first <= each.bytes[: len(first)] < end)


class Gateway:
    """As much of a gateway as publishes."""

    def __init__(self, folder, hub, now=NOON):
        self.hub, self.now_ms, self.refuses, self.away = hub, now, None, False
        self.repeats = Repeats(folder, SECRET, hub.taken_before)
        self.protection = None
        self.standings = SimpleNamespace(note_published=lambda *_: None)
        self.encoder_of = lambda unit: AlertEncoder(unit, SECRET, None)
        self.desk = self

    def clock(self):
        return self.now_ms

    def now(self):
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def refuse_for_now(self):
        pass

    async def publish(self, unit, alerts):
        if self.refuses:
            return [Rejected(self.refuses) for _ in alerts]
        if self.away:
            return ["unavailable" for _ in alerts]
        self.hub.sent += [(unit, each.alert_id, each.value) for each in alerts]
        return ["published" for _ in alerts]

    async def post(self, key, sent, unit=ORIGINATOR):
        asked = Asked.of(unit, key, repr(sent).encode())
        return await published(self, unit, sent if isinstance(sent, list) else [sent], asked)


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
def gateway(tmp_path, hub):
    made = Gateway(tmp_path, hub)
    yield made
    made.repeats.close()


def alert_of(done):
    return done[0].alert_id


async def test_c28_the_same_request_is_completed_to_the_same_bytes(gateway, hub):
    (first,) = await gateway.post("case-7", SHORT)
    gateway.now_ms += 60_000
    (again,) = await gateway.post("case-7", SHORT)
    assert alert_of(first) == alert_of(again)
    assert len({value for _, _, value in hub.sent}) == 1
    label, _ = read_label(hub.sent[-1][2])
    assert label.originated_at == datetime.fromtimestamp(NOON / 1000, UTC)


@pytest.mark.parametrize("later", [0, KEPT_MS + 1, 3 * KEPT_MS])
@pytest.mark.parametrize("where", ["here", "same folder", "elsewhere"])
async def test_c28_another_body_is_refused_at_every_gateway_as_long_as_the_first_is_known(
    gateway, hub, tmp_path, later, where
):
    await gateway.post("case-7", SHORT)
    folder = {"here": tmp_path, "same folder": tmp_path, "elsewhere": tmp_path / "other"}[where]
    other = gateway if where == "here" else Gateway(folder, hub)
    other.now_ms += later
    await other.repeats.forget(other.now_ms)
    with pytest.raises(KeyReused):
        await other.post("case-7", {**SHORT, "compartments": {}})
    # The same is answered as the first was, and sent again with other bytes by nobody.
    (again,) = await other.post("case-7", SHORT)
    assert again[1] == "published"
    assert len({(alert_id, value) for _, alert_id, value in hub.sent}) == 1
    other.repeats.close()


async def test_c28_a_batch_of_which_a_part_was_taken_elsewhere_is_completed(tmp_path, hub):
    first, second = Gateway(tmp_path / "a", hub), Gateway(tmp_path / "b", hub)
    batch = [SHORT, {"label": {**SHORT["label"], "tlp": "GREEN"}}]
    done = await first.post("night", batch)
    del hub.sent[1]  # accept has only one of them yet, as the second gateway knows
    again = await second.post("night", batch)
    assert [alert_of(each) for each in again] == [alert_of(each) for each in done]
    assert len(hub.sent) == 2
    for each in (first, second):
        each.repeats.close()


@pytest.mark.parametrize("why", ["draft", "batch", "kafka"])
async def test_c28_what_is_refused_does_not_use_its_key_up(gateway, hub, why):
    bad = {"label": {**SHORT["label"], "tlp": "PURPLE"}}
    if why == "kafka":
        bad, gateway.refuses = SHORT, Reason.OVERSIZED
    done = await gateway.post("case-8", [bad, bad] if why == "batch" else bad)
    assert all(isinstance(e, Rejected) or isinstance(e[1], Rejected) for e in done)
    gateway.refuses = None
    mended = {"label": {**SHORT["label"], "urgency": "EXPECTED"}}
    ((_, taken),) = await gateway.post("case-8", mended)
    assert taken == "published"
    with pytest.raises(KeyReused):  # and now it is used up
        await gateway.post("case-8", SHORT)


async def test_c28_what_may_have_been_written_uses_its_key_up(gateway):
    gateway.away = True
    ((_, taken),) = await gateway.post("case-9", SHORT)
    assert taken == "unavailable"
    gateway.away = False
    with pytest.raises(KeyReused):
        await gateway.post("case-9", {**SHORT, "compartments": {}})
    assert (await gateway.post("case-9", SHORT))[0][1] == "published"


async def test_c28_at_once_at_two_gateways_of_a_folder_one_moment_counts(tmp_path, hub):
    first, second = Gateway(tmp_path, hub), Gateway(tmp_path, hub, NOON + 5)
    await asyncio.gather(*(each.post("same", SHORT) for each in (first, second) * 4))
    assert len({value for _, _, value in hub.sent}) == 1
    for each in (first, second):
        each.repeats.close()


async def test_c28_units_do_not_share_keys(gateway):
    mine, other = [await gateway.post("k", SHORT, unit) for unit in (ORIGINATOR, "samoa-police")]
    assert alert_of(mine[0]) != alert_of(other[0])


@given(unit=st.text(), key=st.text(), body=st.binary(), index=st.integers(0, 999))
def test_c28_an_id_is_a_uuid_of_version_4_and_says_which_key_and_body(
    tmp_path_factory, unit, key, body, index
):
    repeats = Repeats(tmp_path_factory.mktemp("g"), SECRET)
    try:
        asked = Asked.of(unit, key, body)
        found = repeats.alert_id(asked, index)
        assert found == UUID(bytes=found.bytes, version=4)
        assert found.bytes[:8] == repeats.alert_id(Asked.of(unit, key, b"x" + body), 7).bytes[:8]
        assert found != repeats.alert_id(Asked.of(unit, key, b"x" + body), index)
        assert found != repeats.alert_id(asked, index + 1)
    finally:
        repeats.close()


async def test_c28_keys_are_found_and_forgotten_by_an_index_and_some_at_a_time(gateway):
    def fill(sql):
        rows = ((f"u{n % 9}", f"{n}", b"d" * 32, n) for n in range(5_000))
        sql.executemany("INSERT INTO repeat VALUES(?,?,?,?)", rows)

    await gateway.repeats.store.run(fill)
    steps = []
    await gateway.repeats.store.run(lambda sql: sql.set_trace_callback(steps.append))
    await gateway.post("new", SHORT)
    asked = [each for each in steps if "repeat" in each]
    assert not [each for each in asked if each.startswith("DELETE")]  # not inside a request
    await gateway.repeats.forget(3_000 + KEPT_MS)
    deletes = [each for each in steps if each.startswith("DELETE")]
    assert len(deletes) == 4  # a thousand at a time, and one that found no more
    plans = await gateway.repeats.store.run(
        lambda sql: [row for each in {*asked, *deletes}
                     for row in sql.execute(f"EXPLAIN QUERY PLAN {each}")]
    )  # fmt: skip
    assert not [row[3] for row in plans if row[3].startswith("SCAN")]
    (left,) = await gateway.repeats.store.run(
        lambda sql: sql.execute("SELECT count(*) FROM repeat WHERE moment<=5000").fetchone()
    )
    assert left == 2_000


async def test_c28_a_key_that_cannot_be_remembered_lets_nothing_out(gateway, hub):
    await gateway.repeats.known(Asked.of("u", "k", b""))
    other = sqlite3.connect(gateway.repeats.store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    gateway.repeats.store._connection.execute("PRAGMA busy_timeout=100")
    with pytest.raises(StorageUnavailable, match="STORAGE_LOCKED"):
        await gateway.post("case-7", SHORT)
    assert hub.sent == []
    other.close()
    assert (await gateway.post("case-7", SHORT))[0][1] == "published"


def test_moments_survive_their_way_through_the_file(tmp_path):
    repeats = Repeats(tmp_path, SECRET)
    for n in range(300):
        moment = datetime.fromtimestamp((NOON + n) / 1000, UTC) + timedelta(0)
        asked = Asked.of("u", f"{n}", b"")
        assert asyncio.run(repeats.claim(asked, moment)) == moment
    repeats.close()
