"""Deliver as a process, killed while the partner has a release and nothing is recorded yet."""

import asyncio
import base64
import os

import pytest
from aiohttp import web
from delivering import FEED, Region

from broker.testing import alert_id_of, make_alert
from broker.trial.roles import Crew
from broker.wire.partition import partition_of

pytestmark = pytest.mark.kafka

SECRET = "LALI_TEST_HOOK"


class Desk:
    """A partner who takes releases, and kills deliver while it takes the one numbered *fatal*."""

    def __init__(self, fatal):
        self._fatal = fatal
        self._runner = None
        self.crew = None
        self.keys = []

    async def start(self):
        app = web.Application(client_max_size=8 << 20)
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self._runner.addresses[0][1]

    async def stop(self):
        await self._runner.cleanup()

    async def _take(self, request):
        await request.read()
        self.keys.append(request.headers["idempotency-key"])
        if len(self.keys) == self._fatal:
            await asyncio.to_thread(self.crew.replace, "deliver")
        return web.Response(status=202)


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    return made


async def _deliver_to(desk, region, folder, ends):
    """Run deliver as a process until *ends* releases are recorded."""
    port = await desk.start()
    settings = (
        f'url = "http://127.0.0.1:{port}/", secret = {{ env = "{SECRET}" }}, allow_loopback = true'
    )
    connectors = folder / "connectors.toml"
    connectors.write_text(f'[{FEED}]\ntype = "webhook"\nsettings = {{ {settings} }}\n')
    environment = {
        "LALI_BOOTSTRAP_SERVERS": region.connection.bootstrap_servers,
        "LALI_TOPIC_PREFIX": region.topics.prefix,
        "LALI_PARTITIONS": str(region.topics.partitions),
        "LALI_SESSION_TIMEOUT_MS": "6000",
        "LALI_SETTINGS": os.devnull,
        "LALI_CONNECTORS": str(connectors),
        SECRET: base64.b64encode(os.urandom(32)).decode(),
    }
    desk.crew = Crew(environment, folder)
    try:
        desk.crew.start("deliver")
        await region.recorded(ends)
    finally:
        await asyncio.to_thread(desk.crew.stop)
        await desk.stop()


async def test_a_release_that_is_handed_over_and_not_recorded_comes_again_under_its_key(
    region, tmp_path
):
    desk = Desk(fatal=1)
    await region.route(make_alert(alert_id=alert_id_of(1)))

    await _deliver_to(desk, region, tmp_path, ends=1)

    assert desk.crew.kills == {"deliver": 1}
    assert len(desk.keys) == 2
    assert len(set(desk.keys)) == 1
    assert await region.ends() == [("DELIVERED", 1, None)]


async def test_all_of_a_poll_that_were_taken_come_again_under_their_keys(region, tmp_path):
    ids = [alert_id_of(number) for number in range(1, 100)]
    together = [each for each in ids if partition_of(str(each).encode(), 2) == 0][:3]
    desk = Desk(fatal=3)
    await region.route(*(make_alert(alert_id=each) for each in together))

    await _deliver_to(desk, region, tmp_path, ends=3)

    assert desk.crew.kills == {"deliver": 1}
    assert desk.keys == [*desk.keys[:3], *desk.keys[:3]]
    assert len(set(desk.keys)) == 3
    assert await region.ends() == [("DELIVERED", 1, None)] * 3
    delivered = [e for e in (await region.audit()).of("DELIVERED") if e.feed == FEED]
    assert {entry.alert_id for entry in delivered} == set(together)
