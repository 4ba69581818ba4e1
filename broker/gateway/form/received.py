"""What came with a POST of the form: who sent it, what was typed, and whether our page sent it."""

from dataclasses import dataclass

from fastapi import Request

from broker.gateway.form.entrance import Entrance, SignInFirst, Visitor
from broker.gateway.form.typed import Typed, fields_in, typed_in
from broker.gateway.problems import Problem

#: The box of the review that says that what it marked is meant.
CONFIRM = "confirm_warnings"


@dataclass(frozen=True, slots=True)
class Received:
    """A form that was sent.

    Attributes:
        visitor: Who sent it.
        typed: The report in it.
        is_genuine: A page of this session sent it; without that, nothing is done.
        confirmed: Who sent it has ticked that what the review marked is meant.
    """

    visitor: Visitor
    typed: Typed
    is_genuine: bool
    confirmed: bool = False


async def received(request: Request, entrance: Entrance) -> Received:
    """Return what came with *request*; who sent it is asked and counted before it is read.

    What somebody typed who was signed out is read too, and kept: so often as a stranger may fail.

    Raises:
        Problem: As `fields_in` and `Entrance.visitor`.
    """
    try:
        visitor = entrance.visitor(request)
    except Problem as problem:
        if problem.status != 401:
            raise
        raise SignInFirst(problem, typed_in(await fields_in(request))) from None
    fields = await fields_in(request)
    typed = typed_in(fields)
    token = fields.get("token", [""])[0]
    genuine = entrance.sessions.is_genuine(token, visitor.session)
    return Received(visitor, typed, genuine, confirmed=fields.get(CONFIRM) == ["YES"])
