"""Deliver that is paused, or shares its feed: nothing by an old ledger, no two ends."""

import asyncio
import base64
import os

import pytest
from aiohttp import web
from delivering import FEED, Partner, Region, alert_of, cancel_of, until

from broker.errors import RecipientUnavailable
from broker.testing import alert_id_of
from broker.trial.roles import RoleProcess
from broker.wire.connection import Connection
from broker.wire.partition import partition_of

pytestmark = pytest.mark.kafka

SECRET = "LALI_TEST_HOOK"
AWAY = RecipientUnavailable("HTTP_503")
#: Alerts of one partition: all are fetched with one poll.
TOGETHER = [
    each for each in (alert_id_of(n) for n in range(1, 200)) if partition_of(str(each).encode(), 2)
][:8]


class Desk:
    """A partner that has deliver stopped by SIGSTOP while it takes the third release."""

    def __init__(self):
        self.process = None
        self.paused = asyncio.Event()
        self.posts = []
        self.before = 0

    async def start(self):
        app = web.Application(client_max_size=8 << 20)
        app.router.add_post("/", self._take)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return self.runner.addresses[0][1]

    async def _take(self, request):
        body = await request.json()
        self.posts.append((body["alert_id"], body["kind"]))
        if len(self.posts) == 3:
            await asyncio.to_thread(self.process.pause)
            self.before = len(self.posts)
            self.paused.set()
        return web.Response(status=202)


def _settings(region, folder, port):
    hook = f'url = "http://127.0.0.1:{port}/", secret = {{ env = "{SECRET}" }}'
    connectors = folder / "connectors.toml"
    connectors.write_text(
        f'[{FEED}]\ntype = "webhook"\nsettings = {{ {hook}, allow_loopback = true }}\n'
    )
    return {
        "LALI_BOOTSTRAP_SERVERS": region.connection.bootstrap_servers,
        "LALI_TOPIC_PREFIX": region.topics.prefix,
        "LALI_PARTITIONS": str(region.topics.partitions),
        "LALI_SESSION_TIMEOUT_MS": "6000",
        "LALI_SETTINGS": os.devnull,
        "LALI_CONNECTORS": str(connectors),
        SECRET: base64.b64encode(os.urandom(32)).decode(),
    }


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


async def test_a11_deliver_that_was_paused_hands_over_nothing_that_was_cancelled_meanwhile(
    region, tmp_path
):
    desk = Desk()
    port = await desk.start()
    await region.route(*(alert_of(alert_id=each) for each in TOGETHER))
    desk.process = RoleProcess("deliver", _settings(region, tmp_path, port), tmp_path / "log")
    try:
        await asyncio.wait_for(desk.paused.wait(), 120)
        await region.route(*(cancel_of(2, each) for each in TOGETHER))
        successor = Partner()
        async with region.delivering({FEED: successor}) as role:
            await until(lambda: role.status()[FEED].delivered >= len(TOGETHER))
            desk.process.go_on()
            await region.recorded(2 * len(TOGETHER))
            await asyncio.sleep(3)  # it has come round, and looked at what it had fetched
    finally:
        await asyncio.to_thread(desk.process.stop)
        await desk.runner.cleanup()

    recalled = [view for view in successor.taken if view.kind.value == "RECALL"]
    assert {view.alert_id for view in recalled} == set(TOGETHER)
    assert desk.before == 3
    assert [post for post in desk.posts[3:] if post[1] == "RELEASE"] == []


async def test_c31_a_release_has_one_end_though_deliver_scales_out_while_its_recipient_is_away(
    region,
):
    first, second = Partner(always=AWAY), Partner()
    alerts = [alert_of(alert_id=alert_id_of(n)) for n in range(1, 25)]
    await region.route(*alerts)
    hasty = Region(Connection(region.connection.bootstrap_servers), region.topics)
    async with region.delivering({FEED: first}) as role:
        await until(lambda: role.status()[FEED].oldest_waiting_ms is not None)
        async with hasty.delivering({FEED: second}) as other:
            await until(lambda: other.status()[FEED].delivered > 0)
            first.always = None
            await until(
                lambda: (
                    role.status()[FEED].delivered + other.status()[FEED].delivered >= len(alerts)
                )
            )
            await region.recorded(len(alerts))

    taken = [view.alert_id for view in first.taken + second.taken]
    assert len(taken) == len(set(taken)) == len(alerts)
    assert sorted(await region.ends()) == [("DELIVERED", 1, None)] * len(alerts)
    assert (await region.audit()).repeated == 0
