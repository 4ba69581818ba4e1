"""Time does not tell what is not yours from what is not there."""

import random
import time
import uuid

import pytest
import pytest_asyncio
from gatewaying import FEED, Behind, settings_of
from yarl import URL

from broker.gateway.cursor import Cursors

pytestmark = [
    pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)
]  # fmt: skip

STRANGER = "lagoon-house"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        it.alert = await it.publish()
        await it.shown(it.alert)
        yield it


def pairs_to_time(behind):
    """Yield (kind, path of something foreign, path of something absent)."""
    own = "/v1/feeds/lagoon-house-referral"
    foreign_cursor = behind.doors.cursors.sealed(FEED, {0: 1, 1: 1})
    absent_cursor = Cursors(lambda: (b"x" * 32,)).sealed("lagoon-house-referral", {0: 1, 1: 1})
    yield "alert", f"/v1/alerts/{behind.alert}", f"/v1/alerts/{uuid.uuid4()}"
    yield "cursor", f"{own}?cursor={foreign_cursor}", f"{own}?cursor={absent_cursor}"
    yield "feed", f"/v1/feeds/{FEED}", "/v1/feeds/nauru-tcu-investigate"
    yield "release", f"{own}/alerts/{behind.alert}", f"{own}/alerts/{uuid.uuid4()}"


async def timed(behind, headers, url) -> float:
    began = time.perf_counter()
    async with behind.session.get(url, headers=headers) as answer:
        await answer.read()
    return time.perf_counter() - began


async def times(behind, count, only=None):
    """Return pairs of times, of what is foreign and of what is absent, kind by kind.

    Chance says which of a pair comes first: what else the machine does falls on both alike.
    """
    headers = behind.headers(STRANGER)
    chance = random.Random(7)
    found = {}
    for _ in range(count):
        for kind, *paths in pairs_to_time(behind):
            if only not in (None, kind):
                continue
            # Made beforehand: the client remembers how an address that comes again is read.
            urls = [URL(behind.url + path) for path in paths]
            pair = [0.0, 0.0]
            for which in chance.sample((0, 1), 2):
                pair[which] = await timed(behind, headers, urls[which])
            found.setdefault(kind, []).append(pair)
    return found


def effect(pairs) -> float:
    """Return how much oftener than in half of *pairs* what is foreign took longer (sign test)."""
    return sum(foreign > absent for foreign, absent in pairs) / len(pairs) - 0.5


#: Chance alone leaves 0 by 0.032 (one standard deviation, 250 pairs).
FAR = 0.16


async def test_time_does_not_tell_foreign_from_absent_in_a_thousand_pairs(behind, say):
    found = await times(behind, 250)
    assert sum(len(pairs) for pairs in found.values()) == 1000
    effects = {kind: effect(pairs) for kind, pairs in found.items()}
    say(f"timing: { ({kind: round(each, 3) for kind, each in effects.items()}) }")
    assert all(abs(each) < FAR for each in effects.values()), effects


async def test_two_milliseconds_for_what_is_foreign_would_be_seen(behind, monkeypatch):
    standings = behind.doors.standings
    of = standings.of

    def leaking(alert_id, unit, now):
        if str(alert_id) == behind.alert:
            time.sleep(0.002)
        return of(alert_id, unit, now)

    monkeypatch.setattr(standings, "of", leaking)
    found = await times(behind, 250, only="alert")
    assert effect(found["alert"]) > FAR
