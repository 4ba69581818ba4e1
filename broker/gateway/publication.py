"""What one request brings to publish: completed, remembered by its key, sent.

A key is used up only by something that was sent: a request that is refused may come again,
mended, under the same one.
"""

from collections.abc import Sequence
from datetime import datetime

from broker.errors import Rejected
from broker.gateway.bodies import Sent
from broker.gateway.completing import Completing
from broker.gateway.doors import Doors
from broker.gateway.publishing import Outgoing, Taken
from broker.gateway.repeats import Asked

#: An alert and what became of it, or why it is none.
Done = tuple[Outgoing, Taken | Rejected] | Rejected


async def published(
    doors: Doors,
    unit: str,
    sent: Sequence[Sent],
    asked: Asked | None = None,
    *,
    confirmed: bool = False,
) -> list[Done]:
    """Publish what is good of *sent*, in the name of *unit*; return what became of each.

    Args:
        doors: The gateway's parts.
        unit: Who asks.
        sent: Drafts, or alerts in Avro.
        asked: The request's name, where it has one.
        confirmed: Who asks has confirmed the warnings of all of it.

    Raises:
        KeyReused: Something else was sent under the same name.
        StorageUnavailable: The name cannot be remembered; nothing was sent.
    """

    def prepare(moment: datetime) -> list[Outgoing | Rejected]:
        completing = Completing(doors, unit, moment, asked, confirmed=confirmed)
        return [_outgoing(completing, each, index) for index, each in enumerate(sent)]

    if asked is None:
        return await _send(doors, unit, prepare(doors.now()))
    known = await doors.repeats.known(asked)
    if known is not None:
        return await _send(doors, unit, prepare(known))
    taken = doors.repeats.taken(asked, len(sent))
    prepared = prepare(doors.now())
    if not any(isinstance(each, Outgoing) for each in prepared):
        return [each for each in prepared if isinstance(each, Rejected)]  # its key is free
    first = await doors.repeats.claim(asked, doors.now())
    done = await _send(doors, unit, prepare(first), taken)
    if all(_is_refused(each) for each in done):
        await doors.repeats.release(asked)
    return done


def _outgoing(completing: Completing, sent: Sent, index: int) -> Outgoing | Rejected:
    try:
        return completing.outgoing(sent, index)
    except Rejected as rejected:
        return rejected


async def _send(
    doors: Doors,
    unit: str,
    prepared: Sequence[Outgoing | Rejected],
    taken: frozenset[object] = frozenset(),
) -> list[Done]:
    """Send what route has not *taken* by another gateway already."""
    ready = [e for e in prepared if isinstance(e, Outgoing) and e.alert_id not in taken]
    outcomes = await doors.desk.publish(unit, ready) if ready else []
    became = dict(zip(map(id, ready), outcomes, strict=True))
    done = [_done(each, became.get(id(each), "published")) for each in prepared]
    kept = [
        (each[0].alert_id, each[0].revision)
        for each in done
        if not isinstance(each, Rejected) and each[1] in ("published", "spooled")
    ]
    doors.standings.note_published(unit, kept, doors.clock())
    return done


def _done(prepared: Outgoing | Rejected, outcome: Taken | Rejected) -> Done:
    return prepared if isinstance(prepared, Rejected) else (prepared, outcome)


def _is_refused(done: Done) -> bool:
    return isinstance(done, Rejected) or isinstance(done[1], Rejected)
