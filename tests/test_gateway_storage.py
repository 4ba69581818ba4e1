"""C33: answers tell what Kafka has, and no lock or full disk of the gateway's own holds them up."""

import asyncio
import sqlite3
import time
import uuid
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import pytest_asyncio
from alert_sending import send
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.errors import StorageUnavailable
from broker.gateway.database import Database
from broker.gateway.standing import Standings

NOON = 1_790_000_000_000


@contextmanager
def locked(file):
    """Hold *file* locked, as a copy that somebody makes of it would."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full(connection):
    """Answer as on a full disk, with whatever is written through *connection*."""
    connection.execute("PRAGMA max_page_count=1")
    try:
        yield
    finally:
        connection.execute("PRAGMA max_page_count=1000000")


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "gateway")
    yield made
    made.close()


async def test_c33_writing_says_what_is_wrong_and_that_it_is_over(database):
    def fill():
        with database.transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO era VALUES('a-topic', randomblob(200000))")

    with full(database.writer), pytest.raises(StorageUnavailable, match="STORAGE_FULL"):
        await database.off_loop(fill)
    assert database.fault == "STORAGE_FULL"
    await database.off_loop(fill)
    assert database.fault is None
    database.writer.execute("PRAGMA busy_timeout=50")
    with locked(database.file), pytest.raises(StorageUnavailable, match="STORAGE_LOCKED"):
        await database.off_loop(fill)
    assert database.fault == "STORAGE_LOCKED"


async def test_c33_what_was_published_is_known_though_the_file_cannot_be_written(database):
    standings = Standings(database, SimpleNamespace(peek=lambda _: None))
    keeping = asyncio.create_task(standings.keep_notes())
    alert_id = uuid.uuid4()
    database.writer.execute("PRAGMA busy_timeout=50")
    with locked(database.file):
        standings.note_published("a-unit", [(alert_id, 1)], NOON)
        await asyncio.sleep(0.2)
        assert standings.of(alert_id, "a-unit", NOON).state == "PUBLISHED"
        assert standings.own("a-unit", 9) == [(alert_id, NOON)]
    async with asyncio.timeout(60):
        query = "SELECT count(*) FROM published"
        while database.connection.execute(query).fetchone() == (0,):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    keeping.cancel()
    assert standings.own("a-unit", 9) == [(alert_id, NOON)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        yield it


async def until_ready(behind, wanted):
    async with asyncio.timeout(120):
        while (await behind.call("GET", "/readyz"))[2].get("wanting", []) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


@pytest.mark.kafka
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("how", ["locked", "full"])
async def test_c33_an_alert_that_kafka_has_is_answered_so(behind, how):
    await until_ready(behind, [])
    database = behind.doors.database
    with locked(database.file) if how == "locked" else full(database.writer):
        answers, longest = [], 0.0
        sending = asyncio.gather(*(send(behind, draft(originator=ORIGINATOR)) for _ in range(13)))
        while not sending.done():
            began = time.monotonic()
            assert (await behind.call("GET", "/healthz"))[0] == 200
            longest = max(longest, time.monotonic() - began)
        answers = await sending
        assert {status for status, _, _ in answers} == {202}
        ids = [body["alert_id"] for _, _, body in answers]
        for alert_id in ids:
            assert (await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR))[0] == 200
        await until_ready(behind, [f"STORAGE_{how.upper()}"])
        page = await behind.call("GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED)
        assert page[0] in (200, 503)
    for alert_id in ids:
        assert len(await behind.shown(alert_id)) == 1
    await until_ready(behind, [])


@pytest.mark.kafka
@pytest.mark.asyncio(loop_scope="module")
async def test_c28_keys_hold_at_a_second_gateway_of_the_same_hub(behind, tmp_path):
    """C28: a gateway elsewhere, with the shared secret, knows what route took by any of them."""
    secret = behind.settings.data_folder / "gateway" / "secret"
    settings = behind.settings.model_copy(
        update={"data_folder": tmp_path, "gateway_secret_file": secret}
    )
    other = Behind(settings)
    short = draft()
    for name in ("alert_id", "revision", "originated_at", "expires_at", "originator"):
        del short["label"][name]
    key = {"Idempotency-Key": uuid.uuid4().hex}
    status, _, first = await send(behind, short, **key)
    assert status == 202
    await behind.shown(first["alert_id"])
    await other.open()
    try:
        status, _, again = await send(other, short, **key)
        assert (status, again["alert_id"]) == (202, first["alert_id"])
        status, _, said = await send(other, {**short, "compartments": {}}, **key)
        assert (status, said["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    finally:
        await other.close()
    assert len(await behind.shown(first["alert_id"])) == 1


@pytest.mark.kafka
@pytest.mark.asyncio(loop_scope="module")
async def test_c28_a_refused_request_leaves_its_key_free(behind):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    bad = draft(originator=ORIGINATOR, tlp="PURPLE")
    assert (await send(behind, bad, **key))[0] == 422
    assert (await send(behind, draft(originator=ORIGINATOR), **key))[0] == 202
