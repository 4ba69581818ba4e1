"""A gateway running on a real Kafka with the roles behind it, for tests that come by HTTP."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from broker.app import Parts, make_accept, make_parts, make_router
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import key_file, new_key
from broker.gateway.identity.serving import server_options
from broker.gateway.opening import open_doors
from broker.gateway.server import Gateway
from broker.keys import init_keys
from broker.settings import Settings
from broker.testing import make_label

#: What most tests publish: a draft that several feeds of the Pacific bundle receive.
FEED = "samoa-tcu-investigate"
UNIT_OF_FEED = "samoa-tcu"
ORIGINATOR = "fiji-immigration"


def draft(**label):
    """Return a draft of an ordinary alert, with a summary."""
    written = make_label(**label)
    for name in ("alert_id", "originated_at", "expires_at"):
        value = written[name]
        written[name] = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return {
        "label": written,
        "distribution": {"retention_class": "YEARS_5"},
        "compartments": {"summary": {"headline": "SYNTHETIC: a longliner"}},
    }


class Behind:
    """Accept, route and a gateway, and who comes to it.

    Args:
        settings: As `settings_of` makes them.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.parts: Parts = make_parts(settings)
        self._roles = []
        self._running = []
        self._keys: dict[str, str] = {}

    async def __aenter__(self):
        init_keys(self.settings)
        await self.parts.apply_topics()
        self._roles = [make_accept(self.parts), make_router(self.parts)]
        self._running = [asyncio.create_task(role.run()) for role in self._roles]
        await self.open()
        return self

    async def __aexit__(self, *_):
        await self.close()
        for role in self._roles:
            role.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._running, return_exceptions=True), 60)

    async def open(self):
        """Start the gateway; wait until it has read what there is."""
        self.doors = self._doors()
        self.gateway = Gateway(self.doors, server_options(self.settings))
        self._serving = asyncio.create_task(self.gateway.run())
        host, port = await self.gateway.address()
        scheme = "https" if self.settings.gateway_certificate else "http"
        self.url = f"{scheme}://{host}:{port}"
        self.session = aiohttp.ClientSession()
        async with asyncio.timeout(120):
            while not self.doors.is_ready:  # noqa: ASYNC110 - two readers become ready
                await asyncio.sleep(0.05)

    async def close(self):
        """Stop the gateway as an operator would."""
        await self.session.close()
        self.gateway.stop()
        await asyncio.wait_for(self._serving, 60)

    def _doors(self):
        parts = self.parts
        return open_doors(
            self.settings, parts.community, parts.topics, parts.decider, parts.protection,
            parts.connection("gateway"),
        )  # fmt: skip

    def headers(self, unit: str, rights=tuple(Right), feeds=None) -> dict[str, str]:
        """Return the headers of *unit*, which gets an API key at its first call."""
        name = f"{unit}/{sorted(rights)}/{feeds}"
        if name not in self._keys:
            now = datetime.now(UTC)
            made = new_key(unit, rights, now, now + timedelta(days=1), feeds=feeds)
            key_file(self.settings).add(made.entry)
            self._keys[name] = made.text
        return {"Authorization": f"Bearer {self._keys[name]}"}

    async def call(self, method, path, unit=None, *, headers=None, **more):
        """Make a request as *unit*; return status, headers and body."""
        sent = {**(self.headers(unit) if unit else {}), **(headers or {})}
        async with self.session.request(method, self.url + path, headers=sent, **more) as answer:
            body = await answer.read()
            is_json = "json" in answer.content_type
            return (
                answer.status,
                answer.headers,
                (await answer.json(content_type=None)) if is_json else body,
            )

    async def publish(self, unit=ORIGINATOR, **label):
        """Publish an ordinary alert; return its id."""
        status, _, body = await self.call(
            "POST", "/v1/alerts", unit, json=draft(originator=unit, **label)
        )
        assert status == 202, body
        return body["alert_id"]

    async def page(self, feed=FEED, unit=UNIT_OF_FEED, **query):
        """Return a page of a feed."""
        status, _, body = await self.call("GET", f"/v1/feeds/{feed}", unit, params=query)
        assert status == 200, body
        return body

    async def shown(self, alert_id, feed=FEED, unit=UNIT_OF_FEED):
        """Wait until *feed* shows something of an alert; return it."""
        async with asyncio.timeout(120):
            while True:
                query = {"limit": 500}
                status, _, page = await self.call("GET", f"/v1/feeds/{feed}", unit, params=query)
                assert status in (200, 503), page  # 503: the ledger is not read so far
                items = page["items"] if status == 200 else []
                if found := [each for each in items if each["alert_id"] == alert_id]:
                    return found
                await asyncio.sleep(0.1)


def settings_of(kafka: str, prefix: str, folder: Path, **more) -> Settings:
    """Return settings for a gateway on a free port of this machine."""
    values = {
        "bootstrap_servers": kafka,
        "topic_prefix": prefix,
        "partitions": 2,
        "data_folder": folder,
        "gateway_port": 0,
        "gateway_rate": "100000/minute",
        "protection": "off",
    }
    return Settings(**{**values, **more})
