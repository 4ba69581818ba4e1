"""/report/mine and /report/sent: what became of reports, without any intelligence; taking back.

Counts at most: who received a report, and what they know, is not told here.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from broker.gateway.alert_routes import cancelled
from broker.gateway.doors import Doors
from broker.gateway.form import plain_words, questions
from broker.gateway.form.entrance import Entrance, Visitor
from broker.gateway.form.pages import moved
from broker.gateway.form.received import received
from broker.gateway.problems import Problem, not_found
from broker.model.country_names import NAMES
from broker.model.standing import AlertStanding

#: Reports in the list.
_LISTED = 100
#: What each confirmed action leaves as the label's consent.
_ACTIONS: dict[str, str | None] = {"withdraw": None, "consent": "WITHDRAWN"}


class Report(NamedTuple):
    """A report as its organisation sees it.

    Attributes:
        alert_id: Of its alert.
        number: Short, to speak of it on the telephone.
        sent_at: When.
        about: Kind and country, as far as the ledger has them; nothing personal.
        state: In a word or two.
        says: What became of it, in plain words.
        can_withdraw: Whether there is something to take back.
    """

    alert_id: UUID
    number: str
    sent_at: datetime
    about: str
    state: str
    says: list[str]
    can_withdraw: bool


def add_routes(routes: APIRouter, doors: Doors, entrance: Entrance) -> None:
    """Add the routes by which an organisation follows its reports."""

    @routes.get("/report/mine")
    async def mine(request: Request) -> Response:
        visitor = _follower(entrance.visitor(request))
        found = doors.standings.own(visitor.caller.unit, _LISTED)
        reports = [report_of(doors, visitor, each, at) for each, at in found]
        return entrance.page(request, visitor, "mine", reports=reports)

    @routes.get("/report/sent/{alert_id}")
    async def sent(request: Request, alert_id: UUID) -> Response:
        visitor = entrance.visitor(request)
        report = report_of(doors, visitor, alert_id)
        if not visitor.follows:
            report = report._replace(state="Sent", says=[], can_withdraw=False)
        return entrance.page(request, visitor, "sent", report=report)

    @routes.get("/report/sent/{alert_id}/{action}")
    async def ask(request: Request, alert_id: UUID, action: str) -> Response:
        visitor = _follower(entrance.visitor(request))
        return _confirm(request, doors, entrance, visitor, alert_id, action)

    @routes.post("/report/sent/{alert_id}/{action}")
    async def act(request: Request, alert_id: UUID, action: str) -> Response:
        came = await received(request, entrance)
        visitor = _follower(came.visitor)
        if not came.is_genuine:
            return _confirm(request, doors, entrance, visitor, alert_id, action, 400)
        return await _withdrawn(request, doors, entrance, visitor, alert_id, action)


async def _withdrawn(
    request: Request,
    doors: Doors,
    entrance: Entrance,
    visitor: Visitor,
    alert_id: UUID,
    action: str,
) -> Response:
    if action not in _ACTIONS:
        raise not_found()
    try:
        await cancelled(doors, visitor.caller.unit, alert_id, _ACTIONS[action])
    except Problem as problem:
        if problem.code != "ALREADY_CANCELLED":
            return _not_done(request, doors, entrance, visitor, alert_id, action, problem)
    return moved(f"/report/sent/{alert_id}")


def _not_done(
    request: Request, doors: Doors, entrance: Entrance, visitor: Visitor, alert_id: UUID,
    action: str, problem: Problem,
) -> Response:  # fmt: skip
    if problem.status == 404:
        raise problem
    return _confirm(request, doors, entrance, visitor, alert_id, action, problem.status)


_CONFIRM_SAYS = {
    400: "This page was old. Nothing was done yet. Try again.",
    409: "It cannot be taken back yet: it is still being checked. Try again in a minute.",
    503: "Nothing was done: the system cannot take it just now. Try again in a minute.",
}


def _confirm(
    request: Request, doors: Doors, entrance: Entrance, visitor: Visitor, alert_id: UUID,
    action: str, status: int = 200,
) -> Response:  # fmt: skip
    if action not in _ACTIONS:
        raise not_found()
    report = report_of(doors, visitor, alert_id)
    error = _CONFIRM_SAYS.get(status, "")
    return entrance.page(
        request, visitor, "confirm", status, report=report, action=action, error=error
    )


def _follower(visitor: Visitor) -> Visitor:
    if not visitor.follows:
        raise not_found()
    return visitor


def report_of(
    doors: Doors, visitor: Visitor, alert_id: UUID, first_seen: int | None = None
) -> Report:
    """Return a report of the visitor's unit.

    Raises:
        Problem: 404 if it is none of theirs.
    """
    standing = doors.standings.of(alert_id, visitor.caller.unit, doors.clock())
    if standing is None:
        raise not_found()
    first = min((each.at for each in standing.revisions), default=doors.now())
    sent_at = datetime.fromtimestamp(first_seen / 1000, UTC) if first_seen else first
    state, says = told(standing)
    return Report(
        alert_id=alert_id,
        number=str(alert_id)[:8],
        sent_at=sent_at,
        about=_about(doors, visitor.caller.unit, alert_id),
        state=state,
        says=says,
        can_withdraw=standing.state == "ACCEPTED",
    )


def told(standing: AlertStanding) -> tuple[str, list[str]]:
    """Return what became of a report: in a word or two, and in sentences."""
    match standing.state:
        case "PUBLISHED":
            return "Received", ["It is safe with the system, and is being checked."]
        case "QUARANTINED":
            reasons = {each.reason for each in standing.revisions if each.reason}
            says = [plain_words.refusal(reason) for reason in sorted(reasons)]
            return "Could not be accepted", ["Nobody has received it.", *says]
        case "CANCELLED":
            return "Withdrawn", ["Everyone who had it was told to stop using it."]
        case "EXPIRED":
            return "Expired", ["Its time is over. Nobody receives it any more."]
        case "ERASED":
            return "Erased", ["What it said can no longer be read by anybody."]
    return _accepted(standing)


def _accepted(standing: AlertStanding) -> tuple[str, list[str]]:
    says = [_counted(standing.feeds, "may see it", "as policy allows each")]
    if standing.feeds == 0:
        return "Accepted", ["As it stands, policy lets nobody receive it."]
    if standing.waiting:
        says.append(_counted(standing.waiting, "cannot open it yet", "and will receive it later"))
    if standing.refused:
        says.append(_counted(standing.refused, "said that it is not for them"))
    if standing.acknowledged:
        says.append(_counted(standing.acknowledged, "said that they are looking at it"))
    if standing.acted_upon:
        says.append(_counted(standing.acted_upon, "said that they acted on it"))
        return "Acted upon", says
    return ("Being looked at" if standing.acknowledged else "Passed on"), says


def _counted(number: int, does: str, more: str = "") -> str:
    who = "One recipient" if number == 1 else f"{number} recipients"
    return f"{who} {does}{', ' if more else ''}{more}."


def _about(doors: Doors, unit: str, alert_id: UUID) -> str:
    holding = doors.standings.ownership.holding(alert_id, unit)
    if holding is None:
        return ""  # not decided yet, or another unit's: whoever uses an id first has it
    view = holding.view()
    kinds = [questions.words_of("kinds", str(each)) for each in view.get("exploitation", ())]
    lands = [NAMES.get(str(each), "") for each in view.get("countries_destination", ())]
    return " · ".join(part for part in ("; ".join(kinds), ", ".join(lands)) if part)
