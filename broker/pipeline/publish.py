"""Turn what a publisher writes into an alert: checked, split into compartments, completed.

A draft is the JSON of an alert (``label``, ``distribution``, ``compartments``). People may be
given as one list ``persons`` beside it, and their papers as ``documents``: they are put where
they are best protected. What can be derived and was not said is derived, and always to the
more protective side (`broker.pipeline.derive`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import Field, TypeAdapter, ValidationError

from broker.errors import Rejected
from broker.model.alert import Alert, Compartments
from broker.model.base import Model, Moment
from broker.model.codes import Answer
from broker.model.content import (
    PROTECTED_ROLES,
    Document,
    Documents,
    Person,
    Role,
    Suspects,
    Victims,
)
from broker.model.label import Distribution
from broker.model.reason import Reason
from broker.pipeline.ages import minority
from broker.pipeline.content_check import refuse_content
from broker.pipeline.derive import minor_of, profile_of, with_check_digits
from broker.pipeline.retention import check_life, longest_life
from broker.wire.refusal import validated

#: How long an alert lives if its originator does not say.
LIFETIME = timedelta(days=90)

Clock = Callable[[], datetime]

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


class Draft(Model):
    """What a publisher writes; only what this module adds to an alert is checked here."""

    label: dict[str, Any]
    distribution: dict[str, Any] = Field(default_factory=dict)
    compartments: Compartments = Compartments()
    persons: tuple[Person, ...] = ()
    documents: tuple[Document, ...] = ()


def split(draft: Mapping[str, Any], clock: Clock = lambda: datetime.now(UTC)) -> Alert:
    """Return the alert that *draft* describes.

    Not said, and therefore set: `alert_id` (random), `originated_at` (now), `expires_at`
    (90 days later, or as late as the retention class lets it), `minor`, and the victim profile.
    Check digits are always computed. A child among *persons* is put among the victims, whatever
    role it was given.

    Raises:
        Rejected: Reason and path of the first thing that is wrong.
    """
    written = validated(Draft, draft)
    label = _dated(written.label, clock, _lifetime(written.distribution))
    moment = label["originated_at"]
    compartments = _placed(written, moment)
    persons = compartments.victims.persons if compartments.victims else ()
    if persons and compartments.victim_profile is None:
        compartments = _replaced(compartments, victim_profile=profile_of(persons, moment))
    alert = validated(
        Alert,
        {
            "label": {"minor": minor_of(compartments, moment), **label},
            "distribution": written.distribution,
            "compartments": with_check_digits(compartments),
        },
    )
    refuse_content(alert)
    check_life(alert.label, alert.distribution, int(clock().timestamp() * 1000))
    return alert


def is_protected(person: Person) -> bool:
    """Whether *person* belongs into `victims`: one protected role outweighs all others."""
    return not PROTECTED_ROLES.isdisjoint(person.roles)


def _placed(written: Draft, moment: datetime) -> Compartments:
    _refuse_both(written)
    _refuse_repeated(written.persons)
    persons = tuple(
        _protected_if_child(each, written.documents, moment) for each in written.persons
    )
    victims = {person.pid: person for person in persons if is_protected(person)}
    suspects = tuple(person for person in persons if not is_protected(person))
    known = {person.pid for person in written.persons}
    loose = []
    for index, document in enumerate(written.documents):
        _refuse_holder(document, known, index, any_victim=bool(victims))
        if document.holder in victims:
            victims[document.holder] = _with_document(victims[document.holder], document)
        else:
            loose.append(document)
    placed = {
        "victims": Victims(persons=tuple(victims.values())) if victims else None,
        "suspects": Suspects(persons=suspects) if suspects else None,
        "documents": Documents(items=tuple(loose)) if loose else None,
    }
    return _replaced(written.compartments, **{name: it for name, it in placed.items() if it})


def _protected_if_child(person: Person, papers: tuple[Document, ...], moment: datetime) -> Person:
    """Return *person*; a child among suspects as a possible victim, too.

    A child that is used in trafficking is a victim of it (Palermo Protocol, article 3(c)).
    """
    held = (paper for paper in papers if paper.holder == person.pid)
    if is_protected(person) or minority(person, moment, held) is not Answer.YES:
        return person
    roles = (Role.VICTIM_POSSIBLE, *person.roles)
    return Person.model_validate({**dict(person), "roles": roles})


def _refuse_both(written: Draft) -> None:
    given = {"victims": written.persons, "suspects": written.persons}
    for slot, loose in {**given, "documents": written.documents}.items():
        if loose and getattr(written.compartments, slot) is not None:
            raise Rejected(Reason.FIELD_INVALID, f"compartments.{slot}")


def _refuse_repeated(persons: tuple[Person, ...]) -> None:
    # Twice the same person, as suspect and as victim, would put a victim among suspects.
    seen = set()
    for index, person in enumerate(persons):
        if person.pid in seen:
            raise Rejected(Reason.FIELD_INVALID, f"persons[{index}].pid")
        seen.add(person.pid)


def _refuse_holder(document: Document, known: set[str], index: int, *, any_victim: bool) -> None:
    path = f"documents[{index}].holder"
    if document.holder is None and any_victim:
        # It may be a victim's passport, and nobody said it is not.
        raise Rejected(Reason.FIELD_MISSING, path)
    if document.holder is not None and document.holder not in known:
        raise Rejected(Reason.FIELD_INVALID, path)


def _with_document(person: Person, document: Document) -> Person:
    held = (*person.documents, document)
    return Person.model_validate({**dict(person), "documents": held})


def _replaced(compartments: Compartments, **slots: Any) -> Compartments:
    # Validated anew: a copy would take a victim among suspects without complaint.
    return validated(Compartments, {**dict(compartments), **slots}, "compartments")


def _lifetime(distribution: Mapping[str, Any]) -> timedelta:
    told = distribution.get("retention_class", Distribution().retention_class)
    return min(LIFETIME, longest_life(str(told)))


def _dated(label: Mapping[str, Any], clock: Clock, lifetime: timedelta) -> dict[str, Any]:
    dated = {"alert_id": uuid4(), "originated_at": clock(), **label}
    try:
        originated_at = _MOMENT.validate_python(dated["originated_at"])
    except ValidationError:
        raise Rejected(Reason.FIELD_INVALID, "label.originated_at") from None
    try:
        expires_at = originated_at + lifetime
    except OverflowError:  # beyond the calendar
        raise Rejected(Reason.FIELD_INVALID, "label.originated_at") from None
    return {"expires_at": expires_at, **dated, "originated_at": originated_at}
