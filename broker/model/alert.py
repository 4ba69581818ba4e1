"""The alert: one suspicion, in one revision; immutable.

`Alert` is what people write and read. It is never handed to a feed: only
`broker.pipeline.project` makes a `Release`, from bytes that policy has decided on.
"""

from typing import Any, Self

from pydantic import model_validator

from broker.model import content
from broker.model.base import Model
from broker.model.compartment import COMPARTMENTS, mask_of
from broker.model.label import Distribution, Label
from broker.model.parting import parted


class Compartments(Model):
    """The slots, in wire order; each holds its content or nothing.

    What is written with an exact part in its old place is read with it in its own.
    """

    summary: content.Summary | None = None
    indicators: content.Indicators | None = None
    victim_profile: content.VictimProfile | None = None
    victims: content.Victims | None = None
    suspects: content.Suspects | None = None
    documents: content.Documents | None = None
    conveyances: content.Conveyances | None = None
    movement: content.Movement | None = None
    assessment: content.Assessment | None = None
    source: content.Source | None = None
    evidence: content.Evidence | None = None
    contact: content.Contact | None = None
    places: content.Places | None = None
    owners: content.Owners | None = None
    safe_contact: content.SafeContact | None = None

    @model_validator(mode="before")
    @classmethod
    def _exact_parts_apart(cls, given: Any) -> Any:
        return parted(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _victims_are_only_in_victims(self) -> Self:
        # The most protective role wins. Error texts name the rule, never the person.
        protected = {person.pid for person in self.victims.persons} if self.victims else set()
        for person in self.suspects.persons if self.suspects else ():
            if content.PROTECTED_ROLES.intersection(person.roles) or person.pid in protected:
                raise ValueError("VICTIM_OUTSIDE_VICTIMS")
        for person in self.victims.persons if self.victims else ():
            if not content.PROTECTED_ROLES.intersection(person.roles):
                raise ValueError("NOT_A_VICTIM")
        for document in self.documents.items if self.documents else ():
            if document.holder in protected:
                raise ValueError("VICTIM_OUTSIDE_VICTIMS")
        return self

    @property
    def mask(self) -> int:
        """The compartments that hold content, as a mask."""
        return mask_of(name for name in COMPARTMENTS if getattr(self, name) is not None)


class Alert(Model):
    """One suspicion in one revision, readable: label, distribution and contents."""

    label: Label
    distribution: Distribution = Distribution()
    compartments: Compartments = Compartments()
