"""POST /v1/alerts: publish one alert or a batch."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from broker.errors import Rejected, Unconfirmed
from broker.gateway import bodies
from broker.gateway.answers import answer
from broker.gateway.bodies import alerts_in, media_type, read_body
from broker.gateway.caller import Caller, Right, needs
from broker.gateway.doors import Doors
from broker.gateway.examples import DRAFT, LINES, PUBLISHED
from broker.gateway.problems import KAFKA_RETRY_SECONDS, Problem, documented
from broker.gateway.publication import Done, published
from broker.gateway.repeats import Asked, KeyReused
from broker.model.exchange import (
    BatchAnswer,
    Fault,
    PublishedAlert,
    PublishResult,
    PublishState,
)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            bodies.JSON: {"schema": bodies.drafts(bodies.MOST_ALERTS), "example": DRAFT},
            bodies.JSON_LINES: {"schema": {"type": "string", "minLength": 1}, "example": LINES},
            bodies.AVRO: {"schema": {"type": "string", "format": "binary", "minLength": 1}},
            bodies.AVRO_BATCH: {"schema": {"type": "string", "format": "binary", "minLength": 1}},
        },
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": PublishedAlert | BatchAnswer, "description": "Kafka has all of it.",
          "content": {"application/json": {"example": PUBLISHED}}},
    207: {"model": BatchAnswer, "description": "Some of a batch was not published."},
}  # fmt: skip
_UNAVAILABLE = PublishState.UNAVAILABLE

#: Names the request, so that sending it again publishes nothing twice.
_Key = Annotated[str | None, Header(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]

_Confirmed = Annotated[
    bool, Query(description="What the warnings of all alerts in the request show is meant.")
]


def router(doors: Doors) -> APIRouter:
    """Return the route by which alerts are published."""
    routes = APIRouter(tags=["Publish"])

    @routes.post(
        "/v1/alerts",
        status_code=202,
        response_model=PublishedAlert | BatchAnswer,
        responses={**_ANSWERS, **documented(400, 401, 404, 409, 413, 415, 422, 429, 503)},
        openapi_extra=_BODY,
        summary="Publish one alert, or a batch.",
    )
    async def publish(
        request: Request,
        caller: Annotated[Caller, Depends(needs(Right.PUBLISH))],
        idempotency_key: _Key = None,
        *,
        confirm_warnings: _Confirmed = False,
    ) -> Response:
        """Publish an alert: a draft in JSON, or an alert that its publisher has sealed, in Avro.

        The answer comes once Kafka has it on every in-sync replica. To be safe to send again,
        give `label.alert_id`, `label.revision` and `label.originated_at`, or an
        `Idempotency-Key`. Of a batch, what is refused stops nothing else.

        An alert that may name a victim outside `victims`, or whose label knows an age that its
        content does not show, is refused with `WARNINGS_UNCONFIRMED` and what was found, until
        its originator says `confirm_warnings`: for all of a request here, or within one draft.
        """
        body = await read_body(request, doors.settings.gateway_body_bytes)
        form, sent = alerts_in(body, media_type(request))
        asked = Asked.of(caller.unit, idempotency_key, body) if idempotency_key else None
        try:
            done = await published(doors, caller.unit, sent, asked, confirmed=confirm_warnings)
        except KeyReused:
            raise Problem(409, "IDEMPOTENCY_KEY_REUSED") from None
        results = [_result(each) for each in done]
        return _one(request, results[0]) if form == "one" else _batch(request, results)

    return routes


def _result(done: Done) -> PublishResult:
    if isinstance(done, Rejected):
        return PublishResult(state=PublishState.REFUSED, errors=_faults(done))
    alert, taken = done
    named = {"alert_id": alert.alert_id, "revision": alert.revision}
    if isinstance(taken, Rejected):
        return PublishResult(**named, state=PublishState.REFUSED, errors=_faults(taken))
    return PublishResult(**named, state=PublishState(taken))


def _faults(rejected: Rejected) -> tuple[Fault, ...]:
    if isinstance(rejected, Unconfirmed):
        found = [Fault(path=path, code=code) for path, code in rejected.found]
        return (Fault(path="", code=rejected.reason.value), *found)
    return (Fault(path=rejected.path, code=rejected.reason.value),)


def _one(request: Request, result: PublishResult) -> Response:
    if result.state is PublishState.REFUSED:
        fault = result.errors[0]
        status = 413 if fault.code == "OVERSIZED" else 422
        raise Problem(status, fault.code, errors=[(e.path, e.code) for e in result.errors])
    if result.state is _UNAVAILABLE:
        raise Problem(503, "KAFKA_UNAVAILABLE", retry_after=KAFKA_RETRY_SECONDS)
    assert result.alert_id is not None
    assert result.revision is not None
    told = PublishedAlert(alert_id=result.alert_id, revision=result.revision, state=result.state)
    location = {"Location": f"/v1/alerts/{result.alert_id}"}
    return answer(request, told, status=202, headers=location)


def _batch(request: Request, results: Sequence[PublishResult]) -> Response:
    refused = sum(each.state is PublishState.REFUSED for each in results)
    unavailable = sum(each.state is _UNAVAILABLE for each in results)
    told = BatchAnswer(
        published=len(results) - refused - unavailable,
        refused=refused,
        unavailable=unavailable,
        results=tuple(results),
    )
    headers = {"Retry-After": str(KAFKA_RETRY_SECONDS)} if unavailable else {}
    status = 207 if refused or unavailable else 202
    return answer(request, told, status=status, headers=headers)
