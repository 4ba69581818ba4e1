"""B18: what waits in the spool is answered for: nothing discards it, and no unit blocks another."""

import asyncio
import fcntl
import sqlite3
import time
from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import KafkaUnavailable, Rejected, StorageUnavailable, TopicRefused
from broker.gateway import database as database_module
from broker.gateway.database import Database
from broker.gateway.publishing import Outgoing, PublishingDesk
from broker.gateway.spool import Spool, SpoolFull
from broker.model.reason import Reason
from broker.wire.connection import Connection
from broker.wire.topics import Topics

UNITS = ("fiji-police", "reef-helpline", "samoa-tcu")
#: The spool as version 2 of the gateway's own file had it.
OLD_SPOOL = """CREATE TABLE spool(number INTEGER PRIMARY KEY AUTOINCREMENT, unit TEXT,
  alert_id BLOB, revision INT, value BLOB); PRAGMA user_version=2"""


class Kafka:
    """Stands for the sender: away, or without a right to some units' intake, until it is told."""

    def __init__(self):
        self.away, self.denied, self.hangs, self.sent = True, set(), set(), []
        self.too_large = set()

    async def begin(self, topic, key, value):
        return asyncio.ensure_future(self.send(topic, key, value))

    async def send(self, topic, _key, value):
        unit = topic.removeprefix("intake.")
        if unit in self.hangs:
            await asyncio.Event().wait()
        if unit in self.denied:
            raise TopicRefused("NOT_AUTHORISED: no right to this topic")
        if self.away:
            raise KafkaUnavailable("TimeoutError")
        if value in self.too_large:
            raise Rejected(Reason.OVERSIZED)
        self.sent.append(value)
        return SimpleNamespace(partition=0, offset=len(self.sent))

    async def stop(self):
        pass


def desk_of(spool, kafka=None):
    made = PublishingDesk(Connection("127.0.0.1:1"), Topics(), spool, keeps=True)
    made._sending = made.draining._sending = kafka or Kafka()
    return made


@pytest.fixture
def spool(tmp_path):
    made = Spool(tmp_path / "gateway", 1 << 20)
    yield made
    made.close()


def sealed(text):
    return Outgoing(uuid4(), 1, text.encode(), sealed=True)


async def drained(desk, sent, count):
    """Let *desk* drain until Kafka has *count* alerts."""
    draining = asyncio.create_task(desk.draining.run())
    try:
        async with asyncio.timeout(60):
            while len(sent) < count:  # noqa: ASYNC110 - the stand-in for Kafka tells nobody
                await asyncio.sleep(0.05)
    finally:
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)


async def test_b18_a_unit_that_kafka_refuses_holds_up_no_other_units_alerts(spool):
    desk = desk_of(spool)
    for unit in UNITS:
        assert await desk.publish(unit, [sealed(unit)]) == ["spooled"]
    kafka = desk._sending
    kafka.away, kafka.denied, kafka.hangs = False, {UNITS[0]}, {UNITS[1]}
    await drained(desk, kafka.sent, 1)
    assert kafka.sent == [b"samoa-tcu"]
    assert await spool.waiting() == {UNITS[0]: 1, UNITS[1]: 1}
    # Who has nothing waiting is not made to wait behind others, and they are kept.
    assert await desk.publish("kiribati-police", [sealed("direct")]) == ["published"]
    kafka.denied, kafka.hangs = set(), set()
    await drained(desk_of(spool, kafka), kafka.sent, 4)
    assert await spool.waiting() == {}


async def test_b18_a_unit_whose_topic_hangs_holds_up_no_other_unit_that_publishes(spool):
    desk = desk_of(spool)
    kafka = desk._sending
    kafka.away, kafka.hangs = False, {UNITS[0]}
    kafka.begin = kafka.send  # as when the topic's metadata does not come
    slow = asyncio.create_task(desk.publish(UNITS[0], [sealed("slow")]))
    await asyncio.sleep(0)

    async def begin(topic, key, value):
        return asyncio.ensure_future(Kafka.send(kafka, topic, key, value))

    kafka.begin = begin
    async with asyncio.timeout(30):
        assert await desk.publish(UNITS[1], [sealed("quick")]) == ["published"]
    slow.cancel()


async def test_b18_what_kafka_will_never_take_is_kept_out_of_the_way(spool):
    desk = desk_of(spool)
    await desk.publish(UNITS[0], [sealed("large"), sealed("next")])
    kafka = desk._sending
    kafka.away, kafka.too_large = False, {b"large"}
    await drained(desk, kafka.sent, 1)
    assert kafka.sent == [b"next"]
    kept = sqlite3.connect(spool.store.file).execute("SELECT value, refused FROM spool")
    assert kept.fetchall() == [(b"large", "OVERSIZED")]
    assert await spool.waiting() == {}


async def test_b18_one_units_alerts_leave_room_for_another_units(spool):
    part = b"x" * ((1 << 18) - 1)
    for n in range(4):
        await spool.add(UNITS[0], uuid4(), n, part + b"%d" % n)
    with pytest.raises(SpoolFull):
        await spool.add(UNITS[0], uuid4(), 1, b"one more")
    await spool.add(UNITS[1], uuid4(), 1, part)
    assert await spool.waiting() == {UNITS[0]: 4, UNITS[1]: 1}
    await spool.drop((await spool.first(UNITS[0], 1))[0].number)
    await spool.add(UNITS[0], uuid4(), 9, b"room again")
    assert [each.revision for each in await spool.first(UNITS[0], 9)] == [1, 2, 3, 9]
    assert "xx" not in repr(await spool.first(UNITS[0], 1))


@given(st.lists(st.tuples(st.sampled_from(UNITS), st.sampled_from("add send restart".split()))))
def test_b18_each_unit_gets_out_what_it_put_in_in_its_order(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("gateway")
    wanted = {unit: [] for unit in UNITS}

    async def run():
        spool = Spool(folder, 1 << 20)
        for number, (unit, step) in enumerate(steps):
            if step == "add":
                await spool.add(unit, uuid4(), number, b"%d" % number)
                wanted[unit].append(number)
            elif step == "restart":
                spool.close()
                spool = Spool(folder, 1 << 20)
            else:
                for each in await spool.first(unit, 1):
                    assert each.revision == wanted[unit].pop(0)
                    await spool.drop(each.number)
        for unit in UNITS:
            assert [each.revision for each in await spool.first(unit, 99)] == wanted[unit]
        spool.close()

    asyncio.run(run())


# Never discarded


async def test_b18_an_older_versions_file_is_begun_anew_and_its_alerts_go_out(tmp_path):
    alerts = [(UNITS[n % 2], uuid4().bytes, 1, b"sealed %d" % n) for n in range(11)]
    # Two gateways were there; the second is not started again.
    for number, rows in enumerate((alerts[:6], alerts[6:])):
        with sqlite3.connect(tmp_path / f"gateway-{number}.db") as old:
            old.executescript(OLD_SPOOL)
            query = "INSERT INTO spool(unit,alert_id,revision,value) VALUES(?,?,?,?)"
            old.executemany(query, rows)
    database, spool = Database(tmp_path), Spool(tmp_path, 1 << 20)
    desk = desk_of(spool)
    desk._sending.away = False
    await drained(desk, desk._sending.sent, 11)
    assert sorted(desk._sending.sent) == sorted(row[3] for row in alerts)
    assert await spool.waiting() == {}
    database.close()
    spool.close()
    for _ in range(2):  # taken over once, however often gateways start
        database, spool = Database(tmp_path), Spool(tmp_path, 1 << 20)
        assert await spool.waiting() == {}
        database.close()
        spool.close()


async def test_b18_a_gateway_that_runs_keeps_what_is_its_own(tmp_path):
    with sqlite3.connect(tmp_path / "gateway-7.db") as old:
        old.executescript(OLD_SPOOL)
        query = "INSERT INTO spool(unit,alert_id,revision,value) VALUES('a-unit',x'01',1,x'02')"
        old.execute(query)
    with (tmp_path / "gateway-7.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        spool = Spool(tmp_path, 1 << 20)
        assert await spool.waiting() == {}
        spool.close()
    with sqlite3.connect(tmp_path / "gateway-7.db") as old:
        assert old.execute("SELECT count(*) FROM spool").fetchone() == (1,)


async def test_b18_a_damaged_spool_is_put_aside_and_what_can_be_read_of_it_is_kept(tmp_path):
    first = Spool(tmp_path, 1 << 20)
    for n in range(30):
        await first.add("a-unit", uuid4(), n, b"%04d" % n * 1000)
    first.close()
    file = tmp_path / "spool.db"
    whole = bytearray(file.read_bytes())
    whole[-60_000:-40_000] = b"\xff" * 20_000
    file.write_bytes(whole)
    again = Spool(tmp_path, 1 << 20)
    met = 0
    for n in range(100, 140):  # until the damage is met
        try:
            await again.add("a-unit", uuid4(), n, b"%04d" % n * 1000)
            found = await again.first("a-unit", 999)
            if met:
                break
        except StorageUnavailable as fault:
            met += fault.code == "STORAGE_DAMAGED"
    assert met
    assert found[0].revision == 0
    assert found[-1].revision == n
    aside = [each for each in tmp_path.glob("spool.damaged-*") if each.suffix == ".read"]
    assert aside  # not thrown away, and not taken over again
    again.close()


@pytest.mark.parametrize("fault", ["locked", "full"])
async def test_b18_a_database_that_is_locked_or_full_at_the_start_is_left_as_it_is(
    tmp_path, fault, monkeypatch
):
    spool = Spool(tmp_path, 1 << 20)
    for n in range(11):
        await spool.add("a-unit", uuid4(), n, b"%d" % n)
    spool.close()
    before = Database(tmp_path)
    before.close()
    if fault == "locked":
        holder = sqlite3.connect(before.file, isolation_level=None)
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(database_module, "WAIT_SECONDS", 0.1)
        after = Database(tmp_path)  # another file does as well
        assert after.file != before.file
        after.close()
        holder.close()
    else:
        full = sqlite3.OperationalError()
        full.sqlite_errorcode = sqlite3.SQLITE_FULL

        def no_room(*_):
            raise full

        monkeypatch.setattr(database_module, "open_file", no_room)
        with pytest.raises(database_module.SettingsInvalid, match="STORAGE_FULL"):
            Database(tmp_path)
        monkeypatch.undo()
    assert not list(tmp_path.glob("*.damaged*")) + list(tmp_path.glob("*.older*"))
    again = Spool(tmp_path, 1 << 20)
    assert await again.waiting() == {"a-unit": 11}
    again.close()


# Locks and disks


async def test_b18_a_lock_is_waited_for_while_others_are_served(spool):
    await spool.waiting()
    other = sqlite3.connect(spool.store.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    adding = asyncio.create_task(spool.add("a-unit", uuid4(), 1, b"sealed"))
    longest = 0.0
    for _ in range(20):
        began = time.monotonic()
        await asyncio.sleep(0.02)
        longest = max(longest, time.monotonic() - began)
    assert not adding.done()
    other.execute("COMMIT")
    other.close()
    await adding
    assert await spool.waiting() == {"a-unit": 1}
    assert longest < 4  # the loop went on: the lock alone was held for all of that time


async def test_b18_what_finds_no_room_is_not_answered_as_spooled(spool):
    await spool.waiting()
    desk = desk_of(spool)
    spool.store._connection.execute("PRAGMA max_page_count=1")  # as a full disk answers
    big = Outgoing(uuid4(), 1, b"x" * 200_000, sealed=True)
    assert await desk.publish("a-unit", [big]) == ["unavailable"]
    assert spool.store.fault == "STORAGE_FULL"
    spool.store._connection.execute("PRAGMA max_page_count=1000000")
    assert await desk.publish("a-unit", [big]) == ["spooled"]
    assert spool.store.fault is None


async def test_b18_while_the_spool_cannot_be_read_alerts_go_on_to_kafka(spool, monkeypatch):
    desk = desk_of(spool)
    desk._sending.away = False

    async def away(_unit):
        raise StorageUnavailable("STORAGE_LOCKED")

    monkeypatch.setattr(spool, "has", away)
    assert await desk.publish("a-unit", [sealed("now")]) == ["published"]


async def test_b18_gateways_of_one_folder_send_what_any_of_them_took(tmp_path):
    first, second = Spool(tmp_path, 1 << 20), Spool(tmp_path, 1 << 20)
    gone, stays = desk_of(first), desk_of(second)
    assert await gone.publish("a-unit", [sealed("one")]) == ["spooled"]
    stays._sending.away = False
    # Behind what waits with the other, a later revision waits, too.
    assert await stays.publish("a-unit", [sealed("two")]) == ["spooled"]
    first.close()  # its gateway is never started again
    await drained(stays, stays._sending.sent, 2)
    assert stays._sending.sent == [b"one", b"two"]
    second.close()


async def test_b18_two_gateways_do_not_send_for_one_unit_at_once(spool, tmp_path):
    other = Spool(tmp_path / "gateway", 1 << 20)
    with spool.claimed("a-unit") as first, other.claimed("a-unit") as second:
        assert (first, second) == (True, False)
    with other.claimed("a-unit") as again:
        assert again
    other.close()


async def test_b18_what_waits_goes_out_where_the_spool_is_switched_off_too(spool):
    await spool.add("a-unit", uuid4(), 1, b"from before")
    desk = PublishingDesk(Connection("127.0.0.1:1"), Topics(), spool, keeps=False)
    desk._sending = desk.draining._sending = Kafka()
    assert await desk.publish("b-unit", [sealed("now")]) == ["unavailable"]
    desk._sending.away = False
    await drained(desk, desk._sending.sent, 1)
    assert desk._sending.sent == [b"from before"]
