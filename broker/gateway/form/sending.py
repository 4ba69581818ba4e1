"""Send a report: the same completing and the same desk as POST /v1/alerts."""

from uuid import UUID

from broker.errors import LaliError, Rejected, StorageUnavailable
from broker.gateway.doors import Doors
from broker.gateway.form.drafting import draft_of
from broker.gateway.form.typed import Typed
from broker.gateway.publication import published
from broker.gateway.repeats import Asked, KeyReused


class AlreadySent(LaliError):
    """This report was sent before, with other words."""


class NotSent(LaliError):
    """Kafka did not say that it has the report. Sent again as it is, it is published once."""


async def send(doors: Doors, unit: str, typed: Typed, *, confirmed: bool) -> UUID:
    """Publish a report of *unit*; return the id of its alert, the same however often it comes.

    Raises:
        AlreadySent, NotSent: As they say.
        Unconfirmed: It has warnings that must be *confirmed*, and they are not.
        Rejected: It cannot be published.
    """
    asked = Asked.of(unit, f"form-{typed.draft}", typed.body())
    draft = draft_of(typed, doors.community.units[unit])
    try:
        (done,) = await published(doors, unit, [draft], asked, confirmed=confirmed)
    except KeyReused:
        raise AlreadySent from None
    except StorageUnavailable:
        raise NotSent from None
    if isinstance(done, Rejected):
        raise done
    outgoing, taken = done
    if isinstance(taken, Rejected):
        raise taken
    if taken == "unavailable":
        raise NotSent
    return outgoing.alert_id
