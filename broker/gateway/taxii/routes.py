"""The TAXII 2.1 server below /taxii2: read only, one API root, a collection for each feed."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from broker.gateway.answers import answer
from broker.gateway.caller import Caller, Right, needs
from broker.gateway.cursor import Cursors
from broker.gateway.doors import Doors
from broker.gateway.parted import Parts
from broker.gateway.problems import Problem, not_found
from broker.gateway.taxii.asked import Asked, Match, acceptable, asked_by, is_taxii, written
from broker.gateway.taxii.errors import MEDIA_TYPE, TaxiiRoute
from broker.gateway.taxii.library import Dated, Library
from broker.gateway.taxii.pages import Collection, Page
from broker.model.community import Feed
from broker.resources import shipped
from broker.stix import CONTENT_TYPE
from broker.stix.definition import SCHEMA_FILE
from broker.stix.identifiers import named_uuid

ROOT = "/taxii2/api/"

Reader = Annotated[Caller, Depends(needs(Right.READ))]
_Acceptable = Depends(acceptable)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@cache
def collection_id(feed: str) -> str:
    """Return the id of the collection that a feed is."""
    return str(named_uuid("collection", feed))


def router(doors: Doors) -> APIRouter:
    """Return the routes of the TAXII server."""
    # What TAXII's own document describes is no part of our OpenAPI.
    routes = APIRouter(route_class=TaxiiRoute, include_in_schema=False)
    _add_discovery(routes, doors)
    _add_collections(routes, doors)
    _add_objects(routes, _Reading(doors))
    _add_refusals(routes)
    _add_unslashed(routes)
    return routes


def _add_unslashed(routes: APIRouter) -> None:
    """Answer addresses without their last slash as with it: a redirect would name a host."""
    for route in list(routes.routes):
        if isinstance(route, APIRoute) and route.path.endswith("/"):
            routes.add_api_route(
                route.path.removesuffix("/"), route.endpoint, methods=list(route.methods or ()),
                dependencies=route.dependencies, include_in_schema=False,
                response_model=None,
            )  # fmt: skip


def _add_discovery(routes: APIRouter, doors: Doors) -> None:
    @routes.get("/taxii2/", dependencies=[_Acceptable])
    async def discovery(request: Request, _caller: Reader) -> Response:
        """Say where the API root is."""
        roots = {"default": ROOT, "api_roots": [ROOT]}
        return _written(request, {"title": "Lali", "description": _DESCRIPTION, **roots})

    @routes.get(ROOT, dependencies=[_Acceptable])
    async def api_root(request: Request, _caller: Reader) -> Response:
        """Describe the API root."""
        longest = doors.settings.gateway_body_bytes
        told = {"title": "Lali", "versions": [MEDIA_TYPE], "max_content_length": longest}
        return _written(request, told)

    @routes.get(f"/taxii2/{SCHEMA_FILE}")
    async def extension(request: Request, _caller: Reader) -> Response:
        """Return the definition of the property extension."""
        text = (shipped("schemas") / "stix" / SCHEMA_FILE).read_bytes()
        return answer(request, text, media_type="application/schema+json", tagged=True)


_DESCRIPTION = "Alerts of suspected human trafficking, as far as policy shows them to you."


def _add_collections(routes: APIRouter, doors: Doors) -> None:
    @routes.get(ROOT + "collections/", dependencies=[_Acceptable])
    async def collections(request: Request, caller: Reader) -> Response:
        """List the caller's feeds as collections."""
        feeds = [doors.community.listed[feed] for feed in sorted(caller.feeds)]
        told = [_collection(feed) for feed in feeds]
        return _written(request, {"collections": told} if told else {})

    @routes.get(ROOT + "collections/{collection}/", dependencies=[_Acceptable])
    async def one(request: Request, collection: str, caller: Reader) -> Response:
        """Describe one collection."""
        return _written(request, _collection(doors.community.listed[feed_of(caller, collection)]))


def _collection(feed: Feed) -> dict[str, Any]:
    drill = "" if feed.operational else ", drills only"
    return {
        "id": collection_id(feed.id),
        "title": feed.id,
        "description": f"What {feed.unit} receives for {feed.purpose}{drill}.",
        "alias": feed.id,
        "can_read": True,
        "can_write": False,
        "media_types": [CONTENT_TYPE],
    }


def feed_of(caller: Caller, collection: str) -> str:
    """Return the feed that a collection is, by its id or its alias.

    Raises:
        Problem: 404 for one that is not the caller's, or none.
    """
    for feed in caller.feeds:
        if collection in (feed, collection_id(feed)):
            return feed
    raise not_found()


class _Reading:
    """Reads collections for callers, and has it recorded before anything is answered."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._library = Library(doors)
        self._cursors = Cursors(doors.secrets.counting, "taxii", doors.shelf.era)

    async def page(self, caller: Caller, collection: str, asked: Asked) -> Page:
        """Return a page of a collection of *caller*."""
        found = await self._opened(feed_of(caller, collection)).page(asked)
        await self._doors.disclosures.record(found.served, "TAXII", caller.identity)
        return found

    async def page_of(self, caller: Caller, collection: str, asked: Asked, object_id: str) -> Page:
        """Return versions of one object.

        Raises:
            Problem: 404 where no version of it may be seen.
        """
        opened = self._opened(feed_of(caller, collection))
        only = Match(
            frozenset({object_id}), frozenset(), asked.match.spec_versions,
            asked.match.versions, asked.match.words,
        )  # fmt: skip
        found = await opened.page(Asked(asked.added_after, asked.next, asked.limit, only))
        if not found.objects and found.next is None:
            every = Match(ids=only.ids, words=frozenset({"all"}))
            known = await opened.page(Asked(None, None, 1, every))
            if not known.objects and known.next is None:
                raise not_found()
        await self._doors.disclosures.record(found.served, "TAXII", caller.identity)
        return found

    def _opened(self, feed: str) -> Collection:
        return Collection(self._doors.shelf, self._library, self._cursors, feed)


def _add_objects(routes: APIRouter, reading: _Reading) -> None:
    base = ROOT + "collections/{collection}/"

    @routes.get(base + "objects/", dependencies=[_Acceptable])
    async def objects(request: Request, collection: str, caller: Reader) -> Response:
        """Read objects, in the order in which they were added."""
        page = await reading.page(caller, collection, asked_by(request))
        return _paged(request, page, "objects", lambda each: each.value)

    @routes.get(base + "manifest/", dependencies=[_Acceptable])
    async def manifest(request: Request, collection: str, caller: Reader) -> Response:
        """List objects."""
        page = await reading.page(caller, collection, asked_by(request))
        return _paged(request, page, "objects", _manifest_record)

    @routes.get(base + "objects/{object_id}/", dependencies=[_Acceptable])
    async def one(request: Request, collection: str, object_id: str, caller: Reader) -> Response:
        """Read one object."""
        page = await reading.page_of(caller, collection, asked_by(request), object_id)
        return _paged(request, page, "objects", lambda each: each.value)

    @routes.get(base + "objects/{object_id}/versions/", dependencies=[_Acceptable])
    async def versions(
        request: Request, collection: str, object_id: str, caller: Reader
    ) -> Response:
        """List the versions of one object."""
        asked = asked_by(request)
        match = Match(spec_versions=asked.match.spec_versions, words=frozenset({"all"}))
        every = Asked(asked.added_after, asked.next, asked.limit, match)
        page = await reading.page_of(caller, collection, every, object_id)
        return _paged(request, page, "versions", lambda each: each.version)


def _add_refusals(routes: APIRouter) -> None:
    base = ROOT + "collections/{collection}/objects/"

    @routes.post(base, dependencies=[_Acceptable])
    async def add(request: Request, collection: str, caller: Reader) -> Response:
        """Refuse: what is published comes by other doors."""
        feed_of(caller, collection)
        if not is_taxii(request.headers.get("content-type", "")):
            raise Problem(415, "UNSUPPORTED_MEDIA_TYPE")
        raise Problem(405, "METHOD_NOT_ALLOWED")

    @routes.delete(base + "{object_id}/", dependencies=[_Acceptable])
    async def delete(collection: str, caller: Reader) -> Response:
        """Refuse."""
        feed_of(caller, collection)
        raise Problem(405, "METHOD_NOT_ALLOWED")

    @routes.api_route("/taxii2/{_rest:path}", methods=_METHODS)
    async def absent(_caller: Reader) -> Response:
        """Refuse what is nowhere."""
        raise not_found()


def _manifest_record(each: Dated) -> dict[str, str]:
    return {
        "id": each.id,
        "date_added": written(each.added),
        "version": each.version,
        "media_type": CONTENT_TYPE,
    }


def _paged(request: Request, page: Page, name: str, write: Callable[[Dated], object]) -> Response:
    headers = {}
    if page.objects:
        added = [each.added for each in page.objects]
        headers["X-TAXII-Date-Added-First"] = written(min(added))
        headers["X-TAXII-Date-Added-Last"] = written(max(added))
    return _written(request, _page_parts(page, name, write), headers)


def _page_parts(page: Page, name: str, write: Callable[[Dated], object]) -> list[bytes]:
    """Return the page as JSON, in parts: each of one record, which one originator wrote."""
    following = {"more": True, "next": page.next} if page.next is not None else {}
    head = orjson.dumps(following)[:-1]
    if not page.objects:
        return [head + b"}"]
    head += b"," * bool(following) + orjson.dumps(name) + b":["
    records = (b",".join(orjson.dumps(write(each)) for each in run) for run in page.by_record())
    return [head, *(b"," * bool(at) + record for at, record in enumerate(records)), b"]}"]


def _written(
    request: Request, body: Mapping[str, Any] | Parts, headers: dict[str, str] | None = None
) -> Response:
    sent = {"Vary": "Accept, Accept-Encoding, Authorization", **(headers or {})}
    content = orjson.dumps(body) if isinstance(body, Mapping) else body
    return answer(request, content, headers=sent, media_type=MEDIA_TYPE)
