"""Partners of the demo: real receivers, on this machine's loopback interface.

A desk with an HTTP endpoint that checks signatures, desks that collect files, and partners
with a topic of their own. What each received is kept byte by byte, to be searched for leaks.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Any

from aiohttp import web

from broker.wire.topics import TopicSpec

#: Which feeds are delivered, and how; the others read their topics themselves.
WEBHOOK_FEEDS = ("samoa-tcu-investigate", "vanuatu-tcu-investigate", "fiji-tcu-drill")
FOLDER_FEEDS = (
    "fiji-tcu-investigate",
    "samoa-police-protect",
    "fiji-child-protection-desk",
    "lagoon-house-referral",
)
TOPIC_FEEDS = ("oco-disrupt", "ptccc-coordinate")

SECRET_NAME = "LALI_DEMO_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable


class WebhookDesk:
    """An HTTP server that takes signed releases for several feeds."""

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        os.environ[SECRET_NAME] = "whsec_" + base64.b64encode(self._secret).decode()
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.received: dict[str, dict[str, bytes]] = {}
        self.repeated = 0
        self.forged = 0

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application(client_max_size=8 << 20)
        app.router.add_post("/{feed}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        key = request.headers["webhook-id"]
        if not self._signed(request.headers, body):
            self.forged += 1
            return web.Response(status=401)
        taken = self.received.setdefault(request.match_info["feed"], {})
        self.repeated += key in taken
        taken[key] = body
        return web.Response(status=202)

    def _signed(self, headers: Any, body: bytes) -> bool:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(self._secret, signed, hashlib.sha256).digest())
        return f"v1,{expected.decode()}" in headers["webhook-signature"].split()


def partner_topic(feed: str) -> str:
    """Return the topic that the partner of *feed* reads on a cluster of its own."""
    return f"partner.{feed}"


def partner_topics() -> list[TopicSpec]:
    """Return the partners' own topics."""
    return [TopicSpec(partner_topic(feed), 1) for feed in TOPIC_FEEDS]


def overlay(desk: WebhookDesk, folder: Path, servers: str) -> dict[str, Any]:
    """Return the connectors file of the demo, as data."""
    found: dict[str, Any] = {}
    for feed in WEBHOOK_FEEDS:
        settings = {
            "url": f"http://127.0.0.1:{desk.port}/{feed}",
            "secret": {"env": SECRET_NAME},
            "allow_loopback": True,
        }
        found[feed] = {"type": "webhook", "settings": settings}
    for feed in FOLDER_FEEDS:
        (folder / feed).mkdir(parents=True, exist_ok=True)
        found[feed] = {"type": "filedrop", "settings": {"folder": str(folder / feed)}}
    for feed in TOPIC_FEEDS:
        settings = {
            "bootstrap_servers": servers,
            "topic": partner_topic(feed),
            "allow_plaintext": True,  # the demo's own cluster, wherever it is
        }
        found[feed] = {"type": "kafka", "settings": settings}
    return found
