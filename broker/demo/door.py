"""The demo's gateway: agencies that publish by HTTP, and units that read their feeds by it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from broker.app import Parts, make_gateway
from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import key_file, new_key
from broker.simulate.lives import Expectation
from broker.simulate.scenario import Step

#: Feeds that their units read by HTTP: entrusted, so that the gateway opens them.
HTTP_FEEDS = ("tonga-police-protect", "tonga-immigration-border", "vanuatu-child-protection-desk")
#: Of so many alerts that will be taken, one comes by HTTP. Poison goes to Kafka itself: the
#: gateway would refuse it before accept has seen it.
_ONE_OF = 3
_AVRO = "application/vnd.apache.avro"


class Door:
    """A gateway on a free port of this machine, and what went through it.

    Attributes:
        published: Alerts that were published by HTTP.
        read: Bodies of the pages that each unit read.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._gateway: Any = make_gateway(parts)
        self._running: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._url = ""
        self._keys: dict[str, str] = {}
        self._seen = 0
        self.published = 0
        self.read: dict[str, list[bytes]] = {}

    async def start(self) -> None:
        """Open it."""
        self._running = asyncio.create_task(self._gateway.run())
        host, port = await self._gateway.address()
        self._url = f"http://{host}:{port}"
        self._session = aiohttp.ClientSession()

    async def stop(self) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()
        self._gateway.stop()
        if self._running is not None:
            await asyncio.wait([self._running], timeout=20)

    def takes(self, step: Step) -> bool:
        """Whether *step* comes by HTTP."""
        if step.expectation is Expectation.QUARANTINED or step.value is None:
            return False
        self._seen += 1
        return self._seen % _ONE_OF == 0

    async def publish(self, step: Step) -> None:
        """Publish *step* as its originator.

        Raises:
            aiohttp.ClientResponseError: The gateway refused what accept would take.
        """
        assert self._session is not None
        headers = {"Content-Type": _AVRO, **self._credential(step.originator)}
        url = f"{self._url}/v1/alerts"
        async with self._session.post(url, data=step.value, headers=headers) as answer:
            answer.raise_for_status()
        self.published += 1

    async def read_all(self) -> None:
        """Read every HTTP feed to its end, as its unit."""
        for feed in HTTP_FEEDS:
            self.read[feed] = await self._pages(feed)

    async def _pages(self, feed: str) -> list[bytes]:
        assert self._session is not None
        unit, cursor, more = self._parts.community.feeds[feed].unit, "", True
        bodies = []
        while more:
            query = {"limit": "200", **({"cursor": cursor} if cursor else {})}
            async with self._session.get(
                f"{self._url}/v1/feeds/{feed}", params=query, headers=self._credential(unit)
            ) as answer:
                answer.raise_for_status()
                bodies.append(await answer.read())
                page = await answer.json()
            cursor, more = page["next"], page["more"]
        return bodies

    def _credential(self, unit: str) -> dict[str, str]:
        if unit not in self._keys:
            now = datetime.now(UTC)
            made = new_key(unit, Right, now, now + timedelta(days=1))
            key_file(self._parts.settings).add(made.entry)
            self._keys[unit] = made.text
        return {"Authorization": f"Bearer {self._keys[unit]}"}
