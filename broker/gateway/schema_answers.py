"""How the schema registry answers: Confluent's media type, error codes and shapes."""

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from broker.gateway.answers import answer
from broker.gateway.problems import documented

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"

#: Confluent's code and message of each refusal; its first three digits are the HTTP status.
SUBJECT_ABSENT = (40401, "Subject not found.")
VERSION_ABSENT = (40402, "Version not found.")
SCHEMA_ABSENT = (40403, "Schema not found.")
SCHEMA_INVALID = (42201, "Invalid schema.")
READ_ONLY = (42205, "The registry is read-only.")

#: Shapes of answers, as JSON schemas.
ANY = {"type": "object"}
NAMES = {"type": "array", "items": {"type": "string"}}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
OBJECTS = {"type": "array", "items": ANY}
LOOKUP = {
    "type": "object",
    "required": ["schema"],
    "properties": {"schema": {"type": "string"}, "schemaType": {"enum": ["AVRO"]}},
}
_ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "integer"}, "message": {"type": "string"}},
}


def said(request: Request, told: Any, status: int = 200) -> Response:
    """Return *told* as an answer."""
    return answer(request, json.dumps(told).encode(), status=status, media_type=MEDIA_TYPE)


def refused(request: Request, refusal: tuple[int, str]) -> Response:
    """Return one of the refusals above as an answer."""
    code, message = refusal
    return said(request, {"error_code": code, "message": message}, status=code // 100)


def add_get(
    routes: APIRouter, path: str, route: Any, shape: dict[str, Any], *, absent: bool = False
) -> None:
    """Add a route that reads.

    Args:
        routes: Where to.
        path: Its template.
        route: What answers.
        shape: JSON schema of its answers.
        absent: What it is asked for may be absent.
    """
    routes.add_api_route(
        path,
        route,
        methods=["GET"],
        response_class=Response,
        name=f"schemas {path}",
        responses=responses(shape, *((404,) if absent else ())),
    )


def responses(shape: dict[str, Any], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that may refuse with *statuses*."""
    good = {"description": "OK", "content": {MEDIA_TYPE: {"schema": shape}}}
    content = {MEDIA_TYPE: {"schema": _ERROR}}
    errors: dict[int | str, dict[str, Any]] = {
        status: {"description": "A code of Confluent's.", "content": content} for status in statuses
    }
    return {200: good, **errors, **documented(401, 429, 503)}
