"""GET /docs: the API's reference as one plain page, made from the OpenAPI document."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from markupsafe import Markup, escape
from starlette.responses import Response

from broker.gateway.doors import Doors
from broker.gateway.examples import DRAFT
from broker.gateway.form.pages import FOR_EVER, page, stylesheet

_STYLE = stylesheet("reference")
_STYLE_PATH = f"/docs/{hashlib.sha256(_STYLE).hexdigest()[:12]}.css"
_CODE = re.compile(r"`+([^`]+)`+")
#: From this status on an answer is problem details.
_REFUSED = "400"
_ELSEWHERE = "Other"


class Part(NamedTuple):
    """A parameter or an answer: what it is called, of which kind it is, and what it means."""

    name: str
    kind: str
    says: Markup


class Operation(NamedTuple):
    """One thing that can be done."""

    anchor: str
    method: str
    path: str
    summary: str
    says: list[Markup]
    parameters: list[Part]
    bodies: list[str]
    example: str
    answers: list[Part]
    refusals: list[str]


def router(doors: Doors) -> APIRouter:
    """Return the route of the reference."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def reference(request: Request) -> Response:
        document = request.app.openapi()
        return page(
            request,
            "reference",
            visitor=None,
            reference_path=_STYLE_PATH,
            about=paragraphs(document["info"]["description"]),
            groups=groups_in(document),
            url=_url(doors, request),
            draft=_compact(DRAFT),
        )

    @routes.get(_STYLE_PATH)
    async def style() -> Response:
        return Response(_STYLE, media_type="text/css", headers={"Cache-Control": FOR_EVER})

    return routes


def _url(doors: Doors, request: Request) -> str:
    """Return how the gateway is called: as it knows itself, and not as a request says."""
    if doors.settings.gateway_hosts:
        return f"https://{doors.settings.gateway_hosts[0]}"
    host, port = request.scope["server"]
    return f"{request.scope['scheme']}://{f'[{host}]' if ':' in host else host}:{port}"


def groups_in(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations of an OpenAPI document by their tag, in its order."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            tag = next(iter(said.get("tags", ())), _ELSEWHERE)
            found.setdefault(tag, []).append(_operation(path, method.upper(), said))
    return found


def _operation(path: str, method: str, said: Mapping[str, Any]) -> Operation:
    content = said.get("requestBody", {}).get("content", {})
    example = next((each["example"] for each in content.values() if "example" in each), None)
    return Operation(
        anchor=f"{method}{path}".lower(),
        method=method,
        path=path,
        summary=said.get("summary", ""),
        says=paragraphs(said.get("description", "")),
        parameters=[_parameter(each) for each in said.get("parameters", ())],
        bodies=list(content),
        example="" if example is None else json.dumps(example, indent=1, ensure_ascii=False),
        answers=list(_answers(said.get("responses", {}))),
        refusals=[each for each in said.get("responses", {}) if each >= _REFUSED],
    )


def _parameter(said: Mapping[str, Any]) -> Part:
    kind = said["in"] + (", needed" if said.get("required") else "")
    return Part(said["name"], kind, marked(said.get("description", "")))


def _answers(responses: Mapping[str, Any]) -> Iterator[Part]:
    for status, said in responses.items():
        if status < _REFUSED:
            yield Part(
                status, ", ".join(said.get("content", {})), marked(said.get("description", ""))
            )


def paragraphs(text: str) -> list[Markup]:
    """Return a description as paragraphs."""
    return [marked(" ".join(each.split())) for each in text.strip().split("\n\n") if each.strip()]


def marked(text: str) -> Markup:
    """Return *text* escaped, with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _compact(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False).replace("'", "’")
