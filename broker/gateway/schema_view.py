"""A read-only schema registry: what Confluent's clients, kcat and Kafka UIs decode with.

The part of Confluent's REST interface that reads, with its paths, error codes and media type.
Schemas are registered by Lali's releases alone: whoever tries to is told that it is read-only.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from broker.gateway.bodies import read_body
from broker.gateway.caller import Caller, admitted
from broker.gateway.doors import Doors, doors_of
from broker.gateway.identity.strict_json import read_object
from broker.gateway.problems import documented
from broker.gateway.schema_answers import (
    ANY,
    LOOKUP,
    MEDIA_TYPE,
    NAMES,
    NUMBERS,
    OBJECTS,
    READ_ONLY,
    SCHEMA_ABSENT,
    SCHEMA_INVALID,
    SUBJECT_ABSENT,
    VERSION_ABSENT,
    add_get,
    refused,
    responses,
    said,
)
from broker.gateway.schema_subjects import (
    COMPATIBILITY,
    MODE,
    Subject,
    Subjects,
    subjects_of,
    text_of,
)
from broker.wire.schema import SchemaEntry, catalogue

_BODY_BYTES = 1 << 20


async def _visible(request: Request) -> Subjects:
    caller: Caller = admitted(request)
    return subjects_of(caller, doors_of(request), catalogue())


Visible = Annotated[Subjects, Depends(_visible)]


def router(_doors: Doors) -> APIRouter:
    """Return the registry's routes."""
    routes = APIRouter(tags=["Schemas"])
    _add_ids(routes)
    _add_subjects(routes)
    _add_versions(routes)
    _add_settings(routes)
    _add_lookup(routes)
    return routes


def _add_ids(routes: APIRouter) -> None:
    async def by_id(request: Request, schema_id: str, visible: Visible) -> Response:
        """Return the schema that a record's frame names."""
        return _of_id(request, visible, schema_id, lambda found: {"schema": text_of(found[0][1])})

    async def bare(request: Request, schema_id: str, visible: Visible) -> Response:
        """Return the schema alone."""
        return _of_id(request, visible, schema_id, lambda found: found[0][1].avro)

    async def subjects(request: Request, schema_id: str, visible: Visible) -> Response:
        """List the subjects that have it."""
        return _of_id(
            request, visible, schema_id, lambda found: [subject.name for subject, _ in found]
        )

    async def versions(request: Request, schema_id: str, visible: Visible) -> Response:
        """List the subjects that have it, and as which version."""
        return _of_id(
            request,
            visible,
            schema_id,
            lambda found: [{"subject": s.name, "version": e.version} for s, e in found],
        )

    add_get(routes, "/schemas/ids/{schema_id}", by_id, ANY, absent=True)
    add_get(routes, "/schemas/ids/{schema_id}/schema", bare, ANY, absent=True)
    add_get(routes, "/schemas/ids/{schema_id}/subjects", subjects, NAMES, absent=True)
    add_get(routes, "/schemas/ids/{schema_id}/versions", versions, OBJECTS, absent=True)


def _add_subjects(routes: APIRouter) -> None:
    async def subjects(request: Request, visible: Visible) -> Response:
        """List the subjects of the caller's topics."""
        return said(request, visible.names())

    async def versions(request: Request, subject: str, visible: Visible) -> Response:
        """List the versions of a subject."""
        found = visible.get(subject)
        if found is None:
            return refused(request, SUBJECT_ABSENT)
        return said(request, [each.version for each in found.versions])

    add_get(routes, "/subjects", subjects, NAMES)
    add_get(routes, "/subjects/{subject}/versions", versions, NUMBERS, absent=True)


def _add_versions(routes: APIRouter) -> None:
    async def one(request: Request, subject: str, version: str, visible: Visible) -> Response:
        """Return one version of a subject; `latest` is the newest."""
        return _of_version(request, visible.get(subject), version, _told)

    async def bare(request: Request, subject: str, version: str, visible: Visible) -> Response:
        """Return the schema of one version alone."""
        return _of_version(request, visible.get(subject), version, lambda _, entry: entry.avro)

    add_get(routes, "/subjects/{subject}/versions/{version}", one, ANY, absent=True)
    add_get(routes, "/subjects/{subject}/versions/{version}/schema", bare, ANY, absent=True)


def _add_settings(routes: APIRouter) -> None:
    async def types(request: Request, _visible: Visible) -> Response:
        """List the kinds of schemas."""
        return said(request, ["AVRO"])

    add_get(routes, "/schemas/types", types, NAMES)
    for path, told in (
        ("/config", {"compatibilityLevel": COMPATIBILITY}),
        ("/mode", {"mode": MODE}),
    ):
        _add_setting(routes, path, told)


def _add_setting(routes: APIRouter, path: str, told: dict[str, str]) -> None:
    async def everywhere(request: Request, _visible: Visible) -> Response:
        """Say how the registry is set."""
        return said(request, told)

    async def for_one(request: Request, subject: str, visible: Visible) -> Response:
        """Say how the registry is set for one subject."""
        if visible.get(subject) is None:
            return refused(request, SUBJECT_ABSENT)
        return said(request, told)

    add_get(routes, path, everywhere, ANY)
    add_get(routes, path + "/{subject}", for_one, ANY, absent=True)


def _add_lookup(routes: APIRouter) -> None:
    body = {"required": True, "content": {MEDIA_TYPE: {"schema": LOOKUP}}}

    @routes.post(
        "/subjects/{subject}",
        response_class=Response,
        openapi_extra={"requestBody": body},
        responses=responses(ANY, 404, 422) | documented(400, 413, 415),
    )
    async def lookup(request: Request, subject: str, visible: Visible) -> Response:
        """Return which version of a subject a schema is, if it is one."""
        sent = _schema_in(await read_body(request, _BODY_BYTES))
        found = visible.get(subject)
        if found is None:
            return refused(request, SUBJECT_ABSENT)
        if sent is None:
            return refused(request, SCHEMA_INVALID)
        entry = found.find(sent)
        return said(request, _told(found, entry)) if entry else refused(request, SCHEMA_ABSENT)

    @routes.post("/subjects/{subject}/versions", include_in_schema=False)
    async def register(request: Request, subject: str, _visible: Visible) -> Response:
        """Refuse: nothing is registered here, whoever asks, wherever."""
        del subject
        return refused(request, READ_ONLY)


def _schema_in(body: bytes) -> object | None:
    try:
        schema: object = json.loads(read_object(body)["schema"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return schema


def _of_id(
    request: Request,
    visible: Subjects,
    schema_id: str,
    tell: Callable[[list[tuple[Subject, SchemaEntry]]], Any],
) -> Response:
    found = visible.holding(schema_id)
    return said(request, tell(found)) if found else refused(request, SCHEMA_ABSENT)


def _of_version(
    request: Request,
    subject: Subject | None,
    version: str,
    tell: Callable[[Subject, SchemaEntry], Any],
) -> Response:
    if subject is None:
        return refused(request, SUBJECT_ABSENT)
    entry = subject.version(version)
    return said(request, tell(subject, entry)) if entry else refused(request, VERSION_ABSENT)


def _told(subject: Subject, entry: SchemaEntry) -> dict[str, Any]:
    return {
        "subject": subject.name,
        "version": entry.version,
        "id": entry.schema_id,
        "schemaType": "AVRO",
        "schema": text_of(entry),
    }
