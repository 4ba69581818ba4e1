"""Send a report: the same completing and the same desk as POST /v1/alerts."""

from uuid import UUID

from broker.errors import LaliError, Rejected
from broker.gateway.completing import Completing
from broker.gateway.doors import Doors
from broker.gateway.form.drafting import draft_of
from broker.gateway.form.typed import Typed
from broker.gateway.repeats import KeyReused


class AlreadySent(LaliError):
    """This report was sent before, with other words."""


class NotSent(LaliError):
    """Kafka did not say that it has the report. Sent again as it is, it is published once."""


async def send(doors: Doors, unit: str, typed: Typed) -> UUID:
    """Publish a report of *unit*; return the id of its alert, the same however often it comes.

    Raises:
        AlreadySent, NotSent: As they say.
        Rejected: It cannot be published.
    """
    key = f"form-{typed.draft}"
    try:
        moment = doors.repeats.first_seen(unit, key, typed.body(), doors.clock())
    except KeyReused:
        raise AlreadySent from None
    draft = draft_of(typed, doors.community.units[unit])
    outgoing = Completing(doors, unit, moment, key).outgoing(draft, 0)
    (taken,) = await doors.desk.publish(unit, [outgoing])
    if isinstance(taken, Rejected):
        raise taken
    if taken == "unavailable":
        raise NotSent
    known = [(outgoing.alert_id, outgoing.revision)]
    doors.standings.note_published(unit, known, doors.clock())
    return outgoing.alert_id
