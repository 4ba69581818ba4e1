"""12.1: what nobody could open is held for a feed whose key has ended, and sealed later."""

import asyncio
import uuid
from datetime import timedelta

import pytest
import pytest_asyncio
from gatewaying import ORIGINATOR, Behind, draft, settings_of
from sealed import ALL, ENTRUSTED, FEEDS, OWN, changed_register, key_ids, opener, protection

from broker.app import make_router
from broker.audit.log import read_audit
from broker.clock import epoch_ms
from broker.keys import init_keys
from broker.model.reason import Reason
from broker.pipeline import router as routers
from broker.pipeline.open_release import read_verified
from broker.pipeline.seal_release import FeedsKeyless, ReleaseSealer
from broker.protect.ceremony import next_register
from broker.protect.change import ChangeKind
from broker.protect.development import agree
from broker.protect.issue import issue
from broker.protect.key_folder import KeyFolder, now
from broker.protect.register import Holder

HELD, ITS_UNIT = "fiji-tcu-investigate", "fiji-tcu"
CANARY = "CANARYKEYLESS"


def sealer_with(register):
    return ReleaseSealer(lambda: register, protection().folder.vault, FEEDS)


def ended(feed, at):
    (key_id,) = key_ids(feed, Holder.FEED)
    return changed_register(key_id, not_after=at)


def test_12_01_a_key_that_ends_is_noticed_by_the_clock_alone():
    end = now() + timedelta(hours=1)
    sealer = sealer_with(ended(OWN, end))
    before, after = (int((end + timedelta(seconds=s)).timestamp() * 1000) for s in (-1, 1))

    sealer.renew(before)
    sealer.require_keys(FEEDS)
    sealer.renew(after)

    assert sealer.keyless == {OWN: Reason.KEY_EXPIRED}
    with pytest.raises(FeedsKeyless) as caught:
        sealer.require_keys(FEEDS)
    assert caught.value.feeds == {OWN: Reason.KEY_EXPIRED}
    sealer.require_keys(feed for feed in FEEDS if feed != OWN)


@pytest.mark.parametrize("feed", [OWN, ENTRUSTED])
def test_12_01_what_was_sealed_for_nobody_is_sealed_anew_for_the_next_key(feed, monkeypatch):
    import sealed

    keyless = ended(feed, now() - timedelta(hours=1))
    made = sealed.Protection.sealer
    monkeypatch.setattr(
        sealed.Protection, "sealer", lambda self: _with_register(made(self), keyless)
    )
    value = sealed.sealed(sealed.an_alert(), b"7" * 32)
    release = sealed.released(value, {feed: ALL})[feed]
    monkeypatch.undo()
    assert read_verified(release, opener(feed)).sealed

    sealer = protection().sealer()
    sealer.renew(epoch_ms())
    anew = sealer.resealed(feed, release)

    assert read_verified(anew, opener(feed)).compartments.mask == ALL
    assert sealer.resealed(feed, anew) == anew


def _with_register(sealer, register):
    sealer.register = lambda: register
    return sealer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    settings = settings_of(
        kafka, f"t{uuid.uuid4().hex[:8]}.", folder, protection="required", keys=folder / "keys"
    )
    init_keys(settings, entrusted=[HELD])
    async with Behind(settings) as it:
        yield it


def _end_key(folder, feed):
    keys = tuple(
        key.model_copy(update={"not_after": now() - timedelta(seconds=1)})
        if (key.holder, key.owner) == (Holder.FEED, feed)
        else key
        for key in folder.register().keys
    )
    _agreed(folder, keys)


def _new_key(folder, feed):
    made = tuple(issue(folder.keeper, Holder.FEED, feed, now(), entrusted=True))
    _agreed(folder, (*folder.register().keys, *made))


def _agreed(folder, keys):
    register = next_register(folder, keys)
    agree(folder, ChangeKind.KEYS, register.digest().hex(), register)


async def _published(behind):
    written = draft(originator=ORIGINATOR)
    written["compartments"]["summary"]["headline"] = CANARY
    status, _, body = await behind.call("POST", "/v1/alerts", ORIGINATOR, json=written)
    assert status == 202, body
    return body["alert_id"]


async def _standing(behind, alert_id, holds):
    async with asyncio.timeout(90):
        while True:
            status, _, body = await behind.call("GET", f"/v1/alerts/{alert_id}", ORIGINATOR)
            if status == 200 and holds(body):
                return body
            await asyncio.sleep(0.3)


async def _items(behind, alert_id):
    page = await behind.page(HELD, ITS_UNIT, limit=500)
    return [each for each in page["items"] if each["alert_id"] == alert_id]


async def _entries(behind, kind):
    log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
    return [entry for entry in log.entries if entry.kind == kind]


@pytest.mark.kafka
@pytest.mark.timeout(400)
@pytest.mark.asyncio(loop_scope="module")
async def test_12_01_a_feed_whose_key_ended_gets_its_content_once_it_has_a_new_one(
    behind, monkeypatch
):
    monkeypatch.setattr(routers, "_PAY_SECONDS", 0.5)
    folder = KeyFolder(behind.settings.key_folder())
    had = await _published(behind)
    await behind.shown(had, HELD, ITS_UNIT)
    _end_key(folder, HELD)
    behind._roles[1].stop()
    await behind._running[1]
    behind._roles[1] = make_router(behind.parts)
    behind._roles[1]._pay_seconds = 0.5
    behind._running[1] = asyncio.create_task(behind._roles[1].run())

    held, taken_back = await _published(behind), await _published(behind)
    await behind.shown(held)  # others flow
    told = await _standing(behind, held, lambda body: body["waiting"])
    assert (told["waiting"], told["waiting_for"]) == (1, ["KEY_EXPIRED"])
    assert (await _standing(behind, had, lambda _: True))["waiting"] == 0
    assert await _items(behind, held) == []
    asides = await _entries(behind, "FEED_SET_ASIDE")
    assert {(entry.feed, entry.reason) for entry in asides} == {(HELD, "KEY_EXPIRED")}

    # A recall needs no key: it reaches who has the alert, whatever waits.
    for alert_id in (had, taken_back):
        path = f"/v1/alerts/{alert_id}/consent"
        said = await behind.call("POST", path, ORIGINATOR, json={"consent": "WITHDRAWN"})
        assert said[0] == 202
    async with asyncio.timeout(60):
        while "RECALL" not in {item["kind"] for item in await _items(behind, had)}:  # noqa: ASYNC110
            await asyncio.sleep(0.3)

    _new_key(folder, HELD)
    (item,) = await behind.shown(held, HELD, ITS_UNIT)
    assert item["compartments"]["summary"]["headline"] == CANARY
    assert (await _standing(behind, held, lambda body: not body["waiting"]))["feeds"] > 0
    assert {item["kind"] for item in await _items(behind, taken_back)} <= {"RECALL"}
    resumed = await _entries(behind, "FEED_RESUMED")
    assert {(entry.feed, entry.reason) for entry in resumed} == {(HELD, "KEY_EXPIRED")}
    fallen = await _entries(behind, "NOT_DELIVERED")
    assert {(e.stage, e.feed, e.reason) for e in fallen} == {("ROUTE", HELD, "RECALLED")}
