"""Reading a feed over HTTP with a key of the unit's own."""

import asyncio
import uuid
from contextlib import asynccontextmanager

from gatewaying import FEED, UNIT_OF_FEED, Behind, settings_of
from pydantic import SecretStr

from broker.client.http import Credentials, HttpSubscriber


@asynccontextmanager
async def gateway_with_alerts(kafka, folder):
    """Run a gateway that seals what it keeps, with a dozen alerts in the feed."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    async with Behind(settings_of(kafka, prefix, folder, protection="required")) as it:
        it.alerts = [await it.publish() for _ in range(12)]
        for alert_id in it.alerts:
            await it.shown(alert_id)
        yield it


def subscriber(behind, *, url=None, feed=FEED, unit=UNIT_OF_FEED, **more):
    key = behind.headers(unit)["Authorization"].removeprefix("Bearer ")
    credentials = Credentials(api_key=SecretStr(key))
    return HttpSubscriber(url or behind.url, feed, credentials, **{"poll_seconds": 0.2, **more})


async def read(behind, **more):
    async with subscriber(behind, to_end=True, **more) as releases:
        return [release async for release in releases]


def ids(releases):
    return [str(release.alert_id) for release in releases]


async def until(releases, wanted):
    """Return what comes until all of *wanted* came."""
    found = []
    async with asyncio.timeout(150):
        async for release in releases:
            found.append(release)
            if wanted <= set(ids(found)):
                break
    return found
