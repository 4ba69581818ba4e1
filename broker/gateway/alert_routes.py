"""/v1/alerts/{id}: what an originator may know of its own alert; cancelling; consent."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from broker.errors import Rejected
from broker.gateway import examples
from broker.gateway.answers import answer
from broker.gateway.caller import Caller, Right, needs
from broker.gateway.checked_route import CheckedRoute
from broker.gateway.completing import Completing
from broker.gateway.doors import Doors
from broker.gateway.problems import KAFKA_RETRY_SECONDS, Problem, documented, not_found
from broker.gateway.repeats import Asked
from broker.model.alert import Alert
from broker.model.exchange import ConsentChange, PublishedAlert, PublishState
from broker.model.label import Label
from broker.model.reason import Reason
from broker.model.standing import AlertStanding
from broker.pipeline.holding import Holding
from broker.wire.refusal import validated

Follower = Annotated[Caller, Depends(needs(Right.FOLLOW))]

#: A cancel outlives what it cancels, so that whoever was away learns of it.
_CANCEL_LIVES = timedelta(days=90)


def router(doors: Doors) -> APIRouter:
    """Return the routes by which an originator follows its alerts."""
    routes = APIRouter(tags=["Follow"], route_class=CheckedRoute)
    problems = {
        **examples.answered(202, examples.PUBLISHED),
        **documented(400, 401, 404, 409, 422, 429, 503),
    }

    @routes.get(
        "/v1/alerts/{alert_id}",
        response_model=AlertStanding,
        responses={**examples.answered(200, examples.STANDING), **documented(401, 404, 429)},
    )
    async def standing(request: Request, alert_id: UUID, caller: Follower) -> Response:
        """See what became of an alert of one's own: states and counts, no recipients."""
        found = doors.standings.of(alert_id, caller.unit, doors.clock())
        if found is None:
            raise not_found()
        return answer(request, found, tagged=True)

    @routes.post(
        "/v1/alerts/{alert_id}/cancel",
        status_code=202, response_model=PublishedAlert, responses=problems,
    )  # fmt: skip
    async def cancel(request: Request, alert_id: UUID, caller: Follower) -> Response:
        """Cancel an alert: everyone who holds any revision of it is told to stop using it."""
        return _told(request, await cancelled(doors, caller.unit, alert_id))

    @routes.post(
        "/v1/alerts/{alert_id}/consent",
        status_code=202, response_model=PublishedAlert, responses=problems,
        openapi_extra=examples.body(examples.CONSENT),
    )  # fmt: skip
    async def consent(
        request: Request, alert_id: UUID, change: ConsentChange, caller: Follower
    ) -> Response:
        """Withdraw consent: the alert is recalled from everyone who holds it."""
        return _told(request, await cancelled(doors, caller.unit, alert_id, change.consent))

    return routes


async def cancelled(
    doors: Doors, unit: str, alert_id: UUID, consent: str | None = None
) -> PublishedAlert:
    """Publish the revision that cancels an alert of *unit*; return what was published.

    Args:
        doors: The gateway's parts.
        unit: Who asks.
        alert_id: Which alert.
        consent: What the label says of consent from now on; None leaves it.

    Raises:
        Problem: 404 if it is none of *unit*'s; 409 NOT_ACCEPTED or ALREADY_CANCELLED; 503.
        Rejected: It cannot be published.
    """
    standing = doors.standings.of(alert_id, unit, doors.clock())
    if standing is None:
        raise not_found()
    holding = doors.standings.ownership.holding(alert_id, unit)
    if holding is None and not _on_its_way(standing):
        # Nobody holds it: it is in quarantine. What another unit published under the same id,
        # and cancelled perhaps, is answered no differently.
        raise Problem(409, "NOT_ACCEPTED", retry_after=2)
    if holding is not None and holding.cancelled:
        raise Problem(409, Reason.ALREADY_CANCELLED.value)
    changes = {"consent": consent} if consent else {}
    alert = await _cancelling(doors, unit, alert_id, holding, changes)
    outgoing = Completing(doors, unit, doors.now()).encoded(alert)
    (taken,) = await doors.desk.publish(unit, [outgoing])
    if isinstance(taken, Rejected):
        raise taken
    if taken == "unavailable":
        raise Problem(503, "KAFKA_UNAVAILABLE", retry_after=KAFKA_RETRY_SECONDS)
    doors.standings.note_published(unit, [(alert_id, outgoing.revision)], doors.clock())
    return PublishedAlert(alert_id=alert_id, revision=outgoing.revision, state=PublishState(taken))


def _told(request: Request, published: PublishedAlert) -> Response:
    headers = {"Location": f"/v1/alerts/{published.alert_id}"}
    return answer(request, published, status=202, headers=headers)


def _on_its_way(standing: AlertStanding) -> bool:
    """Whether a revision was published of which nobody has said yet what became of it."""
    return any(each.state == "PUBLISHED" for each in standing.revisions)


#: What a cancel says in its label of an alert that the ledger does not have yet. Nobody is shown
#: it, and route gives it its place behind whatever it finds.
_UNSEEN = {"tlp": "AMBER", "source_type": "AGENCY"}
_UNSEEN_REVISION = 2


async def _cancelling(
    doors: Doors, unit: str, alert_id: UUID, holding: Holding | None, changes: dict[str, Any]
) -> Alert:
    """Return the revision that cancels: the label as the ledger has it, and no content.

    The ledger may be behind, and have another revision or none: a cancel ends whatever is the
    latest when route comes to it.
    """
    view = holding.view() if holding else {"originator": unit, **_UNSEEN}
    revision = holding.revision + 1 if holding else _UNSEEN_REVISION
    # Asked twice before route has seen the first, it is the same bytes: not a conflict. No key
    # of a caller's has a space in it.
    name = f"cancel {alert_id} {revision} {sorted(changes)}"
    now = await doors.repeats.claim(Asked.of(unit, name, b""), doors.now())
    kept = {name: view[name] for name in Label.model_fields if name in view}
    label = {
        **kept, **changes,
        "alert_id": alert_id,
        "revision": revision,
        "message_type": "CANCEL",
        "originated_at": now,
        "expires_at": now + _CANCEL_LIVES,
    }  # fmt: skip
    distribution = {name: view[name] for name in ("named_recipients",) if name in view}
    return validated(Alert, {"label": label, "distribution": distribution})
