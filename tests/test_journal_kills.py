"""A publisher killed at random moments: whatever it was told is kept or published, and once."""

import asyncio
import json
import os
import random
import sys
from pathlib import Path

import pytest
from aiohttp import web
from faults.selection import WHOLE

from broker.client.http import Journal

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

ROUNDS = int(os.environ.get("LALI_CHAOS_ROUNDS", "40" if WHOLE else "12"))
WRITER = Path(__file__).with_name("journal_writer.py")


class Site:
    """Takes alerts as a gateway does, now and then; keeps the bytes of each that it took.

    The gateway itself is held by test_http_client.py; here it must come and go in milliseconds.
    """

    def __init__(self, chance):
        self.chance = chance
        self.taken = {}
        self.answered = 0

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/v1/alerts", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _take(self, request):
        mood = self.chance.random()
        if mood < 0.3:
            return web.json_response(
                {"type": "x", "title": "x", "status": 503, "code": "KAFKA_UNAVAILABLE"}, status=503
            )
        lines = (await request.read()).split(b"\n")
        labels = [json.loads(line)["label"] for line in lines]
        for label, line in zip(labels, lines, strict=True):
            self.taken.setdefault(label["alert_id"], []).append(line)
        if mood < 0.45:
            request.transport.abort()  # it has them, and nobody learns of it
        self.answered += 1
        told = [{k: each[k] for k in ("alert_id", "revision")} for each in labels]
        return web.json_response(
            {"published": len(told), "refused": 0, "unavailable": 0,
             "results": [{**each, "state": "published"} for each in told]}, status=202,
        )  # fmt: skip


async def test_a_publisher_killed_at_random_loses_nothing_that_it_was_told(tmp_path, say):
    seed = int(os.environ.get("LALI_CHAOS_SEED", random.randrange(10**6)))
    chance = random.Random(seed)
    told = {"published": [], "journaled": []}
    async with Site(chance) as site:
        for _ in range(ROUNDS):
            await _run_and_kill(site.url, tmp_path, chance, told)
            with Journal(tmp_path) as journal:  # it opens: nothing that was told is damaged
                waiting = [each.entry.payload for each in journal.all_waiting()]
            kept = {str(payload.alert_id): payload.value for payload in waiting}
            assert len(kept) == len(waiting)
            missing = set(told["journaled"]) - set(kept) - set(site.taken)
            assert missing == set()
            assert set(told["published"]) <= set(site.taken)
        for alert_id, value in kept.items():
            site.taken.setdefault(alert_id, []).append(value)

    counts = {state: len(each) for state, each in told.items()}
    twice = sum(len(each) > 1 for each in site.taken.values())
    say(f"journal: seed {seed}, {ROUNDS} rounds, {counts}, {twice} sent again")
    # Sent twice is the same bytes, which route takes once.
    assert all(len(set(each)) == 1 for each in site.taken.values())
    assert told["journaled"]
    assert told["published"]


async def _run_and_kill(url, folder, chance, told):
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), url, str(folder), stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(WRITER.parent.parent)},
    )  # fmt: skip
    killing = None
    async for line in child.stdout:
        match line.decode().split():
            case ["told", "ready"]:
                killing = asyncio.create_task(_kill(child, chance.random() * 1.5))
            case ["told", state, alert_id] if line.endswith(b"\n"):
                told[state].append(alert_id)
    await child.wait()
    assert killing is not None, "it never began"
    await killing


async def _kill(child, seconds):
    await asyncio.sleep(seconds)
    child.kill()
