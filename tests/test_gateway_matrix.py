"""Who may do what at which door: every cell, and what is not yours is as what is not there."""

import json
import tomllib
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, settings_of

from broker.gateway.cursor import Cursors
from broker.gateway.identity.api_keys import key_file, new_key
from broker.gateway.limits import Limiter
from broker.model.community import Right
from broker.resources import shipped
from broker.wire.alert_codec import decode_release
from broker.wire.tail import read_to_end

pytestmark = [
    pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)
]  # fmt: skip

ABSENT = "nauru-tcu-investigate"
FEEDS = (
    FEED, "fiji-immigration-border", "fiji-immigration-enforcement", "tonga-tcu-investigate",
    "fiji-child-protection-desk", "ptccc-drill", "pidc-awareness", "lagoon-house-referral", ABSENT,
)  # fmt: skip
EVERYTHING = frozenset(Right)


@dataclass
class Identity:
    """A credential, and what the community file and its own bounds let it do."""

    name: str
    unit: str | None
    rights: frozenset[Right] = EVERYTHING
    only: frozenset[str] | None = None
    counts: bool = True
    headers: dict[str, str] = field(default_factory=dict)


IDENTITIES = (
    Identity("nobody", None, counts=False),
    Identity("a made-up key", UNIT_OF_FEED, counts=False),
    Identity("an expired key", UNIT_OF_FEED, counts=False),
    Identity("a revoked key", UNIT_OF_FEED, counts=False),
    Identity("a unit with one feed", UNIT_OF_FEED),
    Identity("the originator", ORIGINATOR),
    Identity("a unit that publishes nothing", "fiji-child-protection"),
    Identity("a secretariat", "pidc-secretariat"),
    Identity("civil society", "lagoon-house"),
    Identity("the regional body", "ptccc"),
    Identity("a display", UNIT_OF_FEED, frozenset({Right.READ})),
    Identity("a case system", UNIT_OF_FEED, frozenset({Right.PUBLISH, Right.FOLLOW})),
    Identity("who acknowledges only", UNIT_OF_FEED, frozenset({Right.ACKNOWLEDGE})),
    Identity("one of two feeds", ORIGINATOR, only=frozenset({"fiji-immigration-border"})),
    Identity("a key for another's feed", "tonga-tcu", only=frozenset({FEED})),
)


class Community:
    """The community file, read by this test alone."""

    def __init__(self):
        text = (shipped("policies") / "pacific" / "community.toml").read_text()
        tables = tomllib.loads(text)
        self.units = {each["id"]: each for each in tables["units"]}
        self.feed_units = {each["id"]: each["unit"] for each in tables["feeds"]}

    def feeds(self, who: Identity) -> set[str]:
        own = {feed for feed, unit in self.feed_units.items() if unit == who.unit}
        return own if who.only is None else own & who.only

    def may(self, who: Identity, right: Right) -> bool:
        if right not in who.rights:
            return False
        if right in (Right.READ, Right.ACKNOWLEDGE):
            return bool(self.feeds(who))
        return bool(self.units[who.unit].get("publishes", False))


COMMUNITY = Community()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        # Hundreds of requests without a credential that counts come from this one address.
        object.__setattr__(it.doors, "limiter", Limiter("100000/minute", "100000/minute"))
        it.alert = await it.publish()
        await it.shown(it.alert)
        it.identities = [with_credential(it, each) for each in IDENTITIES]
        it.holders = await holders(it)
        yield it


def with_credential(behind, who: Identity) -> Identity:
    now = datetime.now(UTC)
    made_at, expires_at = now - timedelta(days=2), now + timedelta(days=1)
    if who.name == "nobody":
        return who
    if who.name == "an expired key":
        expires_at = now - timedelta(days=1)
    made = new_key(who.unit, who.rights, made_at, expires_at, feeds=who.only)
    if who.name != "a made-up key":
        key_file(behind.settings).add(made.entry)
    if who.name == "a revoked key":
        key_file(behind.settings).revoke(made.entry.id, now - timedelta(hours=1))
    return replace(who, headers={"Authorization": f"Bearer {made.text}"})


async def holders(behind) -> set[str]:
    """Return the feeds whose topic holds the alert: Kafka says so, not the gateway."""
    topics = behind.parts.topics
    names = {topics.feed(feed): feed for feed in COMMUNITY.feed_units}
    found = set()
    async for record in read_to_end(behind.parts.connection("test"), list(names)):
        if str(decode_release(record.value).alert_id) == behind.alert:
            found.add(names[record.topic])
    return found


@dataclass(frozen=True)
class Said:
    """An answer, without what differs between any two."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


async def ask(behind, who: Identity, method, path, **more) -> Said:
    async with behind.session.request(
        method, behind.url + path, headers={**who.headers, **more.pop("headers", {})}, **more
    ) as answer:
        is_stream = answer.content_type == "text/event-stream"
        body = b"" if is_stream else await answer.read()
        headers = sorted((k.lower(), v) for k, v in answer.headers.items() if k.lower() != "date")
        return Said(answer.status, tuple(headers), body)


def feed_cells(behind):
    """Yield (name, right, method, path of a feed, more, status where all is right)."""
    receipt = {"alert_id": behind.alert, "revision": 1, "state": "RECEIVED"}

    def latest_status(feed):
        return 200 if feed in behind.holders else 404

    yield "page", Right.READ, "GET", "", {}, lambda feed: 200
    yield "thin page", Right.READ, "GET", "?form=summary&limit=1", {}, lambda feed: 200
    yield "latest", Right.READ, "GET", f"/alerts/{behind.alert}", {}, latest_status
    yield "stream", Right.READ, "GET", "/stream", {}, lambda feed: 200
    more = {"json": {"receipts": [receipt]}}
    yield "receipts", Right.ACKNOWLEDGE, "POST", "/receipts", more, lambda feed: 202


def other_cells(behind):
    """Yield (name, right, method, path, more, unit that may, status then)."""
    absent = str(uuid.uuid4())
    publisher = "whoever publishes"
    yield "feeds", Right.READ, "GET", "/v1/feeds", {}, "whoever reads", 200
    for name, alert, owner in (("own", behind.alert, ORIGINATOR), ("absent", absent, None)):
        path = f"/v1/alerts/{alert}"
        body = {"json": {"consent": "WITHDRAWN"}}
        yield f"standing of {name}", Right.FOLLOW, "GET", path, {}, owner, 200
        if owner is None:  # what would cancel the one alert is tried by strangers only, below
            yield f"cancel {name}", Right.FOLLOW, "POST", path + "/cancel", {}, None, 202
            yield f"consent {name}", Right.FOLLOW, "POST", path + "/consent", body, None, 202
    short = {"label": {"tlp": "AMBER", "source_type": "AGENCY"}}
    yield "publish", Right.PUBLISH, "POST", "/v1/alerts", {"json": short}, publisher, 202
    yield "preview", Right.PREVIEW, "POST", "/v1/alerts:preview", {"json": short}, publisher, 200


def wanted(who: Identity, right: Right, owner_says: bool, status: int) -> int:
    if not who.counts:
        return 401
    return status if COMMUNITY.may(who, right) and owner_says else 404


async def all_cells(behind, identities):
    """Return how many cells were tried, and those that were wrong."""
    tried, faults = 0, []
    for who in identities:
        for name, right, method, tail, more, status in feed_cells(behind):
            absent = await ask(behind, who, method, f"/v1/feeds/{ABSENT}{tail}", **more)
            for feed in FEEDS:
                said = await ask(behind, who, method, f"/v1/feeds/{feed}{tail}", **more)
                own = feed in COMMUNITY.feeds(who)
                want = wanted(who, right, own, status(feed))
                tried += 1
                if said.status != want or (want >= 400 and said != absent):
                    faults.append((who.name, name, feed, said.status, want))
        for name, right, method, path, more, owner, status in other_cells(behind):
            said = await ask(behind, who, method, path, **more)
            allowed = owner in (who.unit, "whoever reads", "whoever publishes")
            want = wanted(who, right, allowed and owner is not None, status)
            tried += 1
            if said.status != want:
                faults.append((who.name, name, said.status, want))
    return tried, faults


async def test_every_cell_of_identity_endpoint_and_feed_is_right(behind, say):
    tried, faults = await all_cells(behind, behind.identities)
    assert faults == []
    assert tried >= 200
    say(f"matrix: {tried} cells")


async def test_a_doorkeeper_that_lets_one_feed_too_many_is_found_out(behind):
    doors, kept = behind.doors, behind.doors.doorkeeper

    class Lax:
        address = kept.address

        def caller(self, scope):
            found = kept.caller(scope)
            return replace(found, feeds=found.feeds | {FEED})

    object.__setattr__(doors, "doorkeeper", Lax())
    try:
        _, faults = await all_cells(behind, behind.identities[7:9])
    finally:
        object.__setattr__(doors, "doorkeeper", kept)
    assert {fault[2] for fault in faults} == {FEED}


async def test_a_key_lists_its_own_feeds_and_no_other(behind):
    for who in behind.identities:
        said = await ask(behind, who, "GET", "/v1/feeds")
        if said.status == 200:
            listed = {each["feed"] for each in json.loads(said.body)["feeds"]}
            assert listed == COMMUNITY.feeds(who), who.name


@pytest.mark.parametrize("way", ["cancel", "consent"])
async def test_only_its_originator_may_end_an_alert(behind, way):
    more = {"json": {"consent": "WITHDRAWN"}} if way == "consent" else {}
    for who in behind.identities:
        if who.unit == ORIGINATOR:
            continue
        foreign = await ask(behind, who, "POST", f"/v1/alerts/{behind.alert}/{way}", **more)
        absent = await ask(behind, who, "POST", f"/v1/alerts/{uuid.uuid4()}/{way}", **more)
        assert foreign == absent, who.name
        assert foreign.status == (404 if who.counts else 401)
    assert (await ask(behind, originator(behind), "GET", f"/v1/alerts/{behind.alert}")).body.count(
        b'"state":"ACCEPTED"'
    )


def originator(behind):
    return next(each for each in behind.identities if each.name == "the originator")


async def test_one_answer_for_what_is_not_there_and_for_what_is_not_yours(behind):
    stranger = next(each for each in behind.identities if each.unit == "lagoon-house")
    foreign_cursor = behind.doors.cursors.sealed(FEED, {0: 1})
    other_secret = Cursors(lambda: (b"x" * 32,)).sealed("lagoon-house-referral", {0: 1})
    own = "/v1/feeds/lagoon-house-referral"
    pairs = [
        (f"/v1/alerts/{behind.alert}", f"/v1/alerts/{uuid.uuid4()}"),
        (f"/v1/feeds/{FEED}", f"/v1/feeds/{ABSENT}"),
        (f"/v1/feeds/{FEED}?limit=x", f"/v1/feeds/{ABSENT}?limit=x"),
        (f"/v1/feeds/{FEED}?cursor=x", f"/v1/feeds/{ABSENT}?cursor=x"),
        (f"/v1/feeds/{FEED}/alerts/{behind.alert}", f"/v1/feeds/{ABSENT}/alerts/{behind.alert}"),
        (f"{own}/alerts/{behind.alert}", f"{own}/alerts/{uuid.uuid4()}"),
        (f"{own}?cursor={foreign_cursor}", f"{own}?cursor={other_secret}"),
        (f"{own}?cursor={foreign_cursor}", f"{own}?cursor=AAAA"),
        (f"{own}/stream?cursor={foreign_cursor}", f"{own}/stream?cursor={other_secret}"),
    ]
    for foreign, absent in pairs:
        assert await ask(behind, stranger, "GET", foreign) == await ask(
            behind, stranger, "GET", absent
        ), foreign
