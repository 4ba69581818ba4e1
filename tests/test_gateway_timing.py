"""Time does not tell what is not yours from what is not there."""

import random
import time
import uuid

import pytest
import pytest_asyncio
from gatewaying import FEED, Behind, settings_of

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
    absent_cursor = Cursors(b"x" * 32).sealed("lagoon-house-referral", {0: 1, 1: 1})
    yield "alert", f"/v1/alerts/{behind.alert}", f"/v1/alerts/{uuid.uuid4()}"
    yield "cursor", f"{own}?cursor={foreign_cursor}", f"{own}?cursor={absent_cursor}"
    yield "feed", f"/v1/feeds/{FEED}", "/v1/feeds/nauru-tcu-investigate"
    yield "release", f"{own}/alerts/{behind.alert}", f"{own}/alerts/{uuid.uuid4()}"


async def timed(behind, headers, path) -> float:
    began = time.perf_counter()
    async with behind.session.get(behind.url + path, headers=headers) as answer:
        await answer.read()
    return time.perf_counter() - began


async def times(behind, count, only=None):
    """Return the times of foreign and of absent, kind by kind, taken in turn."""
    headers = behind.headers(STRANGER)
    chance = random.Random(7)
    found = {}
    for _ in range(count):
        for kind, foreign, absent in pairs_to_time(behind):
            if only not in (None, kind):
                continue
            both = [(0, foreign), (1, absent)]
            chance.shuffle(both)
            for which, path in both:
                taken = await timed(behind, headers, path)
                found.setdefault(kind, ([], []))[which].append(taken)
    return found


def superiority(first, second) -> float:
    """Return how often one of *first* is above one of *second* (Mann-Whitney U / n m)."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, start=1) if which == 0)
    n, m = len(first), len(second)
    return (ranks - n * (n + 1) / 2) / (n * m)


def quiet_half(foreign, absent):
    """Return the pairs that took least together: a busy machine says nothing of either."""
    pairs = sorted(zip(foreign, absent, strict=True), key=sum)[: len(foreign) // 2]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


#: Chance alone leaves 0.5 by 0.037 (one standard deviation of 125 against 125).
FAR = 0.16


async def test_time_does_not_tell_foreign_from_absent_in_a_thousand_pairs(behind, say):
    found = await times(behind, 250)
    assert sum(len(foreign) for foreign, _ in found.values()) == 1000
    effects = {kind: superiority(*quiet_half(*both)) - 0.5 for kind, both in found.items()}
    say(f"timing: { ({kind: round(effect, 3) for kind, effect in effects.items()}) }")
    assert all(abs(effect) < FAR for effect in effects.values()), effects


async def test_two_milliseconds_for_what_is_foreign_would_be_seen(behind, monkeypatch):
    standings = behind.doors.standings
    of = standings.of

    def leaking(alert_id, unit, now):
        if str(alert_id) == behind.alert:
            time.sleep(0.002)
        return of(alert_id, unit, now)

    monkeypatch.setattr(standings, "of", leaking)
    found = await times(behind, 250, only="alert")
    assert superiority(*quiet_half(*found["alert"])) - 0.5 > FAR
