"""/report: the form, its review, and sending; signing in and out.

Pages carry what was typed in their own fields, so nothing is kept here before it is sent, and
nothing typed is ever in an address or a log.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from broker.errors import Rejected, Unconfirmed
from broker.gateway.doors import Doors
from broker.gateway.form import following, questions
from broker.gateway.form.entrance import Entrance, Visitor
from broker.gateway.form.mistakes import Mistake, mistake_of, mistakes_in
from broker.gateway.form.page_route import page_router
from broker.gateway.form.pages import FOR_EVER, STYLE, STYLE_PATH, moved
from broker.gateway.form.received import Received, received
from broker.gateway.form.review import reviewed
from broker.gateway.form.sending import AlreadySent, NotSent, send
from broker.gateway.form.typed import Typed, fields_in, typed_in
from broker.gateway.problems import Problem
from broker.model.bounds import first_day
from broker.model.country_names import OFFERED

#: What a page says that was sent without the mark of its session: it is old, or not ours.
OLD_PAGE = Mistake("headline", "This page was old. Nothing is lost: look at it and go on")
_SENT_BEFORE = Mistake(
    "headline",
    "You have sent this report before, and changed it since. To send it as a new report, go on; "
    "and withdraw the old one in the list of your reports",
)
_UNCONFIRMED = "Look at what is marked below. If it is meant so, tick that it is, and send again."
_UNAVAILABLE = "It is not sent yet: the system cannot take it just now. Try again in a minute."
#: Parts of the form that are closed until something in them was typed, or must be mended.
_CLOSED = {
    "route": ("conveyance", "conveyance_name", "conveyance_number", "origin", "transit"),
    "people": tuple(
        f"{name}_{n}" for n in questions.PEOPLE for name in ("name", "age", "gender", "citizenship")
    ),
}


def router(doors: Doors) -> APIRouter:
    """Return the routes of the form."""
    entrance = Entrance(doors)
    routes = page_router(entrance)
    _add_style(routes)
    _add_sign_in(routes, entrance)
    _add_form(routes, doors, entrance)
    following.add_routes(routes, doors, entrance)
    return routes


def _add_style(routes: APIRouter) -> None:
    @routes.get(STYLE_PATH)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css", headers={"Cache-Control": FOR_EVER})


def _add_sign_in(routes: APIRouter, entrance: Entrance) -> None:
    @routes.get("/report/sign-in")
    async def ask(request: Request) -> Response:
        return entrance.sign_in_page(request, 200, Typed({}))

    @routes.post("/report/sign-in")
    async def sign_in(request: Request) -> Response:
        entrance.refuse_stranger(request)
        fields = await fields_in(request)
        return _signed_in(request, entrance, fields)

    @routes.post("/report/sign-out")
    async def sign_out(request: Request) -> Response:
        came = await received(request, entrance)
        response = moved("/report/sign-in" if came.is_genuine else "/report")
        if came.is_genuine:
            await entrance.sign_out(request, response)
        return response


def _signed_in(request: Request, entrance: Entrance, fields: dict[str, list[str]]) -> Response:
    typed = typed_in(fields)
    if not entrance.is_own(request, fields.get("token", [""])[0]):
        said = "This page was old, or your browser keeps no cookies. Try again."
        return entrance.sign_in_page(request, 400, typed, error=said)
    try:
        visitor = entrance.sign_in(request, fields.get("key", [""])[0])
    except Problem as problem:
        if problem.status != 401:
            raise
        said = "This key does not open the form. Type it again, or ask your operator for one."
        return entrance.sign_in_page(request, 401, typed, error=said)
    response = form_page(request, entrance, visitor, typed) if typed else moved("/report")
    entrance.remember(request, response, visitor)
    return response


def _add_form(routes: APIRouter, doors: Doors, entrance: Entrance) -> None:
    @routes.get("/report")
    async def form(request: Request) -> Response:
        return form_page(request, entrance, entrance.visitor(request), Typed({}))

    @routes.post("/report")
    async def change(request: Request) -> Response:
        came = await received(request, entrance)
        return form_page(request, entrance, came.visitor, came.typed)

    @routes.post("/report/review")
    async def review(request: Request) -> Response:
        came = await received(request, entrance)
        if refused := _refused(request, doors, entrance, came):
            return refused
        try:
            return reviewed(request, doors, entrance, came.visitor, came.typed)
        except Rejected as rejected:
            return _mended(request, entrance, came, rejected)

    @routes.post("/report/send")
    async def sent(request: Request) -> Response:
        came = await received(request, entrance)
        refused = _refused(request, doors, entrance, came)
        return refused or await _sent(request, doors, entrance, came)


def _refused(request: Request, doors: Doors, entrance: Entrance, came: Received) -> Response | None:
    """Return the form with what must be mended; None if nothing must."""
    unit = doors.community.units[came.visitor.caller.unit]
    found = mistakes_in(came.typed, first_day(doors.now()), unit)
    if not came.is_genuine:
        return form_page(request, entrance, came.visitor, came.typed, [OLD_PAGE, *found], 400)
    return form_page(request, entrance, came.visitor, came.typed, found, 422) if found else None


async def _sent(request: Request, doors: Doors, entrance: Entrance, came: Received) -> Response:
    try:
        unit = came.visitor.caller.unit
        alert_id = await send(doors, unit, came.typed, confirmed=came.confirmed)
    except AlreadySent:
        anew = came.typed.anew()
        return form_page(request, entrance, came.visitor, anew, [_SENT_BEFORE], 409)
    except Unconfirmed:
        return reviewed(
            request, doors, entrance, came.visitor, came.typed, status=422, error=_UNCONFIRMED
        )
    except Rejected as rejected:
        return _mended(request, entrance, came, rejected)
    except NotSent:
        return reviewed(
            request, doors, entrance, came.visitor, came.typed, status=503, error=_UNAVAILABLE
        )
    return moved(f"/report/sent/{alert_id}")


def _mended(request: Request, entrance: Entrance, came: Received, rejected: Rejected) -> Response:
    return form_page(request, entrance, came.visitor, came.typed, [mistake_of(rejected)], 422)


def form_page(
    request: Request,
    entrance: Entrance,
    visitor: Visitor,
    typed: Typed,
    mistakes: list[Mistake] | None = None,
    status: int = 200,
) -> Response:
    """Return the form, filled with what was typed, with what must be mended."""
    first: dict[str, str] = {}
    for mistake in mistakes or ():
        first.setdefault(mistake.field, mistake.says)
    opened = {
        part
        for part, fields in _CLOSED.items()
        if any(typed.one(field) or field in first for field in fields)
    }
    return entrance.page(
        request, visitor, "form", status,
        typed=typed, mistakes=first, questions=questions, offered=OFFERED, opened=opened,
    )  # fmt: skip
