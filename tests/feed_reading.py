"""Read a feed by HTTP and know what came, for tests of pages and of what they pass over."""

import asyncio

from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED


async def walked(behind, limit=17, feed=FEED, unit=UNIT_OF_FEED, **query):
    """Return every item from the beginning, or from *query*, to the end."""
    items = []
    while True:
        page = await behind.page(feed, unit, limit=limit, **query)
        items += page["items"]
        query = {**query, "cursor": page["next"]}
        query.pop("since", None)
        if not page["more"]:
            return items


async def publish_draft(behind, written):
    status, _, body = await behind.call("POST", "/v1/alerts", ORIGINATOR, json=written)
    assert status == 202, body
    return body["alert_id"]


def identities(items):
    return [(each["alert_id"], each["revision"], each["kind"]) for each in items]


async def comes(behind, alert_id, revision, kind, **query):
    """Return the items of an alert once they are the one that is named."""
    async with asyncio.timeout(120):
        while True:
            items = [each for each in await walked(behind, **query) if each["alert_id"] == alert_id]
            if identities(items) == [(alert_id, revision, kind)]:
                return items
            await asyncio.sleep(0.1)
