"""Problem details (RFC 9457): a status, a code, and the paths at fault; never a value.

What is absent and what is forbidden answer with the same bytes, so that nobody learns from a
refusal that something is there.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from broker.errors import (
    KafkaUnavailable,
    KeeperUnavailable,
    LaliError,
    NotNow,
    Rejected,
    StorageUnavailable,
)
from broker.metrics.registry import count_error
from broker.metrics.web import count_problem
from broker.model.exchange import Fault, ProblemDetails
from broker.model.reason import Reason

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
#: How long to wait for Kafka, seconds, before trying again.
KAFKA_RETRY_SECONDS = 5
#: How long to wait for an operator to set a clock, seconds.
NOT_NOW_RETRY_SECONDS = 60
#: The same for a file of the gateway's own that is locked, or whose disk is full.
STORAGE_RETRY_SECONDS = 5

#: After these a connection is not kept: strangers would hold theirs open for nothing.
_NOT_KEPT = (401, 408, 413, 429)

#: Both ways in that a header can carry (RFC 6750, RFC 7617); browsers ask for the second.
_CHALLENGE = 'Bearer realm="lali", Basic realm="lali", charset="UTF-8"'

_BY_TYPE = {
    "missing": Reason.FIELD_MISSING.value,
    "extra_forbidden": Reason.FIELD_UNKNOWN.value,
    "enum": Reason.CODE_UNKNOWN.value,
    "literal_error": Reason.CODE_UNKNOWN.value,
    "json_invalid": Reason.JSON_SYNTAX.value,
}


class Problem(LaliError):
    """Ends a request with problem details.

    Args:
        status: HTTP status, 400 to 599.
        code: Why, as a code.
        path: Dotted path of the field at fault.
        retry_after: Seconds to wait before trying again.
        errors: Several faults, as (path, code), in place of *path*.
    """

    def __init__(
        self,
        status: int,
        code: str,
        path: str = "",
        retry_after: float | None = None,
        errors: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(f"{code} at {path}" if path else code)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.errors = tuple(errors) or (((path, code),) if path else ())

    def details(self) -> ProblemDetails:
        """Return what the body says."""
        return ProblemDetails(
            type=f"urn:lali:problem:{self.code}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            code=self.code,
            errors=tuple(Fault(path=path, code=code) for path, code in self.errors),
        )

    def response(self) -> Response:
        """Return it as an HTTP response."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, ceil(self.retry_after)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = _CHALLENGE
        if self.status in _NOT_KEPT:
            headers["Connection"] = "close"
        body = self.details().model_dump_json()
        return Response(body, self.status, headers=headers, media_type=MEDIA_TYPE)


def not_found() -> Problem:
    """Return the one answer for what is absent and for what is forbidden."""
    return Problem(HTTPStatus.NOT_FOUND, "NOT_FOUND")


def unauthenticated() -> Problem:
    """Return the one answer for no credential and for one that does not count."""
    return Problem(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that may answer with these problems."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {
            "model": ProblemDetails,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def install_problems(app: FastAPI) -> None:
    """Make every error of *app* a problem: ours, the framework's, and what nobody foresaw."""
    for kind in (LaliError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
    described = app.openapi
    app.openapi = lambda: _problems_alone(described())  # type: ignore[method-assign]


def _problems_alone(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document in which a problem has no other media type than its own."""
    for path in document.get("paths", {}).values():
        for operation in path.values():
            for response in operation.get("responses", {}).values():
                content = response.get("content", {})
                if MEDIA_TYPE in content:  # the framework adds JSON for every model
                    response["content"] = {MEDIA_TYPE: content[MEDIA_TYPE]}
    return document


async def _answer(_request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    count_problem(problem.code)
    response = problem.response()
    if isinstance(error, HTTPException):
        response.headers.update(_kept(error.headers or {}))
    return response


def problem_of(error: Exception) -> Problem:
    """Return *error* as a problem; of one that nobody foresaw the operator alone is told."""
    match error:
        case Problem():
            return error
        case Rejected():
            return Problem(422, error.reason.value, errors=[(error.path, error.reason.value)])
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            code = HTTPStatus(error.status_code).name
            return unauthenticated() if code == "UNAUTHORIZED" else Problem(error.status_code, code)
    return _of_ourselves(error)


def _of_ourselves(error: Exception) -> Problem:
    """Return as a problem what is no fault of the caller's."""
    match error:
        case KafkaUnavailable():
            return Problem(503, "KAFKA_UNAVAILABLE", retry_after=KAFKA_RETRY_SECONDS)
        case KeeperUnavailable():
            return Problem(503, "NOT_READY", retry_after=KAFKA_RETRY_SECONDS)
        case NotNow():
            return Problem(503, error.code, retry_after=NOT_NOW_RETRY_SECONDS)
        case StorageUnavailable():
            return Problem(503, error.code, retry_after=STORAGE_RETRY_SECONDS)
        case sqlite3.OperationalError():  # reading waits for nobody
            return Problem(503, "STORAGE_LOCKED", retry_after=STORAGE_RETRY_SECONDS)
    name = type(error).__name__
    count_error("gateway", name)
    log.error("request.failed", code=name)
    return Problem(500, "INTERNAL")


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in headers.items() if name.lower() == "allow"}


def _of_validation(error: RequestValidationError) -> Problem:
    faults = error.errors()
    if any(fault["loc"][:1] == ("path",) for fault in faults):
        return not_found()  # an id that cannot be is as absent as one that is not
    errors = [(_path(fault), _code(fault)) for fault in faults]
    return Problem(422, errors[0][1], errors=errors)


def _path(fault: Any) -> str:
    if fault["type"] == "json_invalid":
        return "body"
    where = list(fault["loc"])
    if fault["type"] == "extra_forbidden":
        where[-1] = "?"  # a name that is no field's may be anything, a person's too
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _code(fault: Any) -> str:
    # Our own validators raise ValueError(CODE); anything else they say is not repeated.
    said = str(fault.get("ctx", {}).get("error", ""))
    if said in Reason.__members__:
        return said
    return _BY_TYPE.get(fault["type"], Reason.FIELD_INVALID.value)
