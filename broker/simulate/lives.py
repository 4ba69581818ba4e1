"""What becomes of an alert after it was first published, and what the broker must say to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from broker.model.codes import MessageType
from broker.model.reason import Reason
from broker.simulate.telling import Telling


class Expectation(StrEnum):
    """What the broker must make of an input."""

    ACCEPTED = "ACCEPTED"
    DUPLICATE = "DUPLICATE"
    QUARANTINED = "QUARANTINED"


#: Lives with how often they occur. `again` repeats the last revision byte for byte; `lower`
#: repeats the first after a later one; `conflict` is another text under a known revision;
#: `after` comes after a cancel.
LIVES: dict[tuple[str, ...], int] = {
    ("new",): 8,
    ("new", "again"): 2,
    ("new", "update"): 2,
    ("new", "narrow"): 2,
    ("new", "cancel"): 1,
    ("new", "update", "lower"): 1,
    ("new", "conflict"): 1,
    ("new", "cancel", "after"): 1,
    ("new", "update", "again", "cancel"): 1,
}

_NEXT: dict[str, MessageType] = {
    "update": MessageType.UPDATE,
    "narrow": MessageType.UPDATE,
    "cancel": MessageType.CANCEL,
    "after": MessageType.UPDATE,
}

_REFUSED: dict[str, Reason] = {
    "lower": Reason.REVISION_LOWER,
    "conflict": Reason.REVISION_CONFLICT,
    "after": Reason.ALREADY_CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Beat:
    """One moment of a life: something is sent.

    Attributes:
        kind: What it is, in one word.
        at: When it is sent, which for a repetition is later than it was written.
    """

    kind: str
    at: datetime
    telling: Telling
    expectation: Expectation
    reason: Reason | None = None


def live(acts: tuple[str, ...], random: Random, at: datetime) -> Iterator[Beat]:
    """Yield the beats of a life that begins at *at*, hours apart."""
    first = latest = Telling(1, at)
    for act in acts:
        if act in _NEXT:
            latest = Telling(latest.revision + 1, at, _NEXT[act], narrowed=act == "narrow")
        sent = latest
        if act == "lower":
            sent = first
        elif act == "conflict":
            sent = Telling(latest.revision, latest.at, latest.message_type, conflicting=True)
        yield Beat(act, at, sent, _expected(act), _REFUSED.get(act))
        at += timedelta(minutes=random.randint(20, 2_000))


def _expected(act: str) -> Expectation:
    if act in _REFUSED:
        return Expectation.QUARANTINED
    return Expectation.DUPLICATE if act == "again" else Expectation.ACCEPTED
