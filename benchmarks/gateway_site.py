"""A gateway worker with the pipeline behind it, on three Kafka nodes, each a process."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from broker.app import make_parts
from broker.cluster.node import children_of
from broker.demo.partners import SECRET_NAME, WebhookDesk
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import key_file, new_key
from broker.settings import Settings
from broker.trial.roles import Crew, RoleProcess

ORIGINATOR = "fiji-immigration"
STREAM_FEED, STREAM_UNIT = "samoa-tcu-investigate", "samoa-tcu"
FILE_FEED, WEBHOOK_FEED = "fiji-tcu-investigate", "ptccc-coordinate"
_READY_SECONDS = 180.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Site:
    """Where the load comes to.

    Attributes:
        folder: What file drop writes is below it.
        desk: Where the webhook comes to.
        pid: The gateway's process.
    """

    url: str
    folder: Path
    crew: Crew
    desk: WebhookDesk
    settings: Settings
    pid: int = 0

    @property
    def feed_url(self) -> str:
        """Return where the feed of the stream is."""
        return f"{self.url}/v1/feeds/{STREAM_FEED}"

    def headers(self, unit: str) -> dict[str, str]:
        """Return the headers of *unit*, with a new key."""
        now = datetime.now(UTC) - timedelta(minutes=1)
        made = new_key(unit, tuple(Right), now, now + timedelta(days=1))
        key_file(self.settings).add(made.entry)
        return {"Authorization": f"Bearer {made.text}"}

    def session(self, unit: str) -> aiohttp.ClientSession:
        """Return a client of *unit* with as many connections as it asks for."""
        connector = aiohttp.TCPConnector(limit=0)
        return aiohttp.ClientSession(headers=self.headers(unit), connector=connector)

    def cpu_seconds(self) -> float:
        """Return user and system time of the gateway so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_mb(self) -> float:
        """Return the gateway's resident size, 10^6 bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE / 1e6

    async def start(self, *roles: str) -> None:
        """Start processes; of a gateway, wait until it is ready."""
        started = {role: self.crew.start(role) for role in roles}
        if "gateway" in started:
            await self._ready()
            self.pid = _child(started["gateway"])

    async def _ready(self) -> None:
        async with aiohttp.ClientSession() as session, asyncio.timeout(_READY_SECONDS):
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(self.url + "/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.2)


@asynccontextmanager
async def site(servers: str, folder: Path, replication: int) -> AsyncIterator[Site]:
    """Make topics, keys and connectors; end every process with it."""
    desk = WebhookDesk()
    await desk.start()
    (folder / "drop").mkdir()
    (folder / "connectors.toml").write_text(_connectors(folder / "drop", desk.port))
    port = _free_port()
    values: dict[str, Any] = {
        "bootstrap_servers": servers,
        "topic_prefix": f"bench{time.time_ns() % 10**9}.",
        "partitions": 2,
        "replication": replication,
        "data_folder": folder,
        "connectors": folder / "connectors.toml",
        "protection": "off",
        "gateway_port": port,
        "gateway_rate": "10000000/minute",
        "gateway_streams_unit": 1000,  # all streams are one credential's, which has half of it
    }
    settings = Settings(**values)
    await make_parts(settings).apply_topics()
    environment = {f"LALI_{name.upper()}": str(value) for name, value in values.items()}
    crew = Crew({**environment, "LALI_SETTINGS": os.devnull}, folder)
    try:
        yield Site(f"http://127.0.0.1:{port}", folder, crew, desk, settings)
    finally:
        await asyncio.to_thread(crew.stop)
        await desk.stop()


def _connectors(drop: Path, port: int) -> str:
    return (
        f'[{FILE_FEED}]\ntype = "filedrop"\nsettings = {{ folder = "{drop}" }}\n'
        f'[{WEBHOOK_FEED}]\ntype = "webhook"\nsettings = {{ url = '
        f'"http://127.0.0.1:{port}/{WEBHOOK_FEED}", secret = {{ env = "{SECRET_NAME}" }}, '
        "allow_loopback = true }\n"
    )


def _child(process: RoleProcess) -> int:
    # Its warden holds it; what is measured is the gateway, not the warden.
    return children_of(process.pid)[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
