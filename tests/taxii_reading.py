"""A gateway with alerts in its collections, and how tests read them by TAXII 2.1."""

import asyncio
import contextlib
import json
import uuid

from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of
from stix2validator import ValidationOptions
from taxii2client.common import TokenAuth
from taxii2client.v21 import Collection, as_pages

from broker.gateway.taxii.routes import collection_id
from broker.model.release import ReleaseView
from broker.stix import objects_of
from broker.stix.identifiers import object_id
from broker.testing import make_compartments

MEDIA = "application/taxii+json;version=2.1"
ROOT = "/taxii2/api/"
HERE = f"{ROOT}collections/{collection_id(FEED)}/"
STRICT = ValidationOptions(version="2.1", strict=True, strict_properties=True)
#: Published before any test looks.
ALERTS = 7


@contextlib.asynccontextmanager
async def taxii_gateway(kafka, folder):
    """Run a gateway whose collections show `ALERTS` reports."""
    async with Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", folder)) as it:
        it.alerts = [await publish(it) for _ in range(ALERTS)]
        await until_added(it, ALERTS)
        yield it


async def publish(behind, alert_id=None, **label):
    alert_id = alert_id or str(uuid.uuid4())
    sent = draft(originator=ORIGINATOR, alert_id=alert_id, **label)
    if label.get("message_type") != "CANCEL":
        sent["compartments"] = whole()
    status, _, body = await behind.call("POST", "/v1/alerts", ORIGINATOR, json=sent)
    assert status == 202, body
    return alert_id


def whole():
    """Return content that has something of each kind of object."""
    found = json.loads(json.dumps(make_compartments("SYNTHETIC"), default=str))
    found["suspects"]["persons"][0]["citizenships"] = ["PH"]
    found["conveyances"]["items"][0] |= {"imo_number": "9074729", "flag": "PA"}
    return found


async def get(behind, path, unit=UNIT_OF_FEED, headers=None, **query):
    """Return status, headers and body of a TAXII request."""
    sent = {"Accept": MEDIA, **(headers or {})}
    return await behind.call("GET", path, unit, headers=sent, params=query)


async def pages(behind, path=HERE + "objects/", **query):
    found, more = [], True
    while more:
        status, headers, body = await get(behind, path, **query)
        assert status == 200, body
        body.setdefault("objects", [])
        found.append({**body, "headers": headers})
        more = body.get("more", False)
        query["next"] = body.get("next", "")
    return found


async def until_added(behind, reports):
    """Wait until a collection shows that many reports, in whatever version."""
    async with asyncio.timeout(120):
        while True:
            query = {"match[type]": "report", "limit": "1000"}
            _, _, body = await get(behind, HERE + "objects/", **query)
            if len(body.get("objects", ())) >= reports:
                return body["objects"]
            await asyncio.sleep(0.2)


async def until_report(behind, alert_id, wanted):
    """Wait until the report on an alert is as *wanted* says."""
    report = object_id("report", FEED, uuid.UUID(alert_id), "report")
    async with asyncio.timeout(120):
        while True:
            status, _, body = await get(behind, f"{HERE}objects/{report}/")
            if status == 200 and (found := body.get("objects")) and wanted(found[0]):
                return found[0]
            await asyncio.sleep(0.2)


def client(behind, make, path, unit=UNIT_OF_FEED):
    key = behind.headers(unit)["Authorization"].removeprefix("Bearer ")

    class Bearer(TokenAuth):
        def __call__(self, request):
            request.headers["Authorization"] = f"Bearer {self.key}"
            return request

    return make(behind.url + path, auth=Bearer(key))


async def read(behind, feed, unit, per_request):
    """Return the objects of all pages, as the standard's client reads them."""

    def read_all():
        path = f"{ROOT}collections/{collection_id(feed)}/"
        collection = client(behind, Collection, path, unit)
        pages = as_pages(collection.get_objects, per_request=per_request)
        return [each for page in pages for each in page.get("objects", ())]

    return await asyncio.to_thread(read_all)


async def until_read(behind, feed, unit):
    """Wait until a collection has objects; return them."""
    async with asyncio.timeout(120):
        while True:
            if found := await read(behind, feed, unit, 1000):
                return found
            await asyncio.sleep(0.2)


async def of_feed(behind, feed, unit):
    """Return the objects of what the feed's own pages show."""
    found = {}
    page = await behind.page(feed, unit, limit=500)
    assert not page["more"]
    for item in page["items"]:
        view = ReleaseView.model_validate({k: v for k, v in item.items() if k != "cursor"})
        for each in objects_of(feed, view):
            older = found.get(each["id"], {}).get("modified", "")
            if each.get("modified", "") >= older:
                found[each["id"]] = each
    return found
