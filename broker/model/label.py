"""The label and the distribution: what policy reads.

The label goes to every recipient of the alert; the distribution to none. Both are small and
coded and hold no personal data. On the wire they come first, in the order of the fields
below: identity and times, then the attributes that policy reads.
"""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from broker.model import codes
from broker.model.base import Country, Id, Model, Moment
from broker.model.bounds import EmbargoMoment
from broker.model.codelists import LegalBasis

_Countries = Annotated[tuple[Country, ...], Field(max_length=32)]
_Names = Annotated[tuple[Id, ...], Field(max_length=64)]


class Label(Model):
    """The part of an alert that policy reads and that every recipient receives."""

    alert_id: UUID = Field(description="Random (RFC 9562 version 4), the same in every revision.")
    revision: int = Field(1, ge=1, le=1_000_000, description="1 for the first, then rising.")
    originated_at: Moment = Field(description="When the originator wrote this revision.")
    expires_at: Moment = Field(description="After this nothing of the alert is delivered.")
    message_type: codes.MessageType = codes.MessageType.ALERT
    status: codes.Status = codes.Status.ACTUAL
    originator: Id = Field(description="Id of the unit that publishes.")
    tlp: codes.Tlp
    permitted_action: codes.PermittedAction = codes.PermittedAction.CONTACT_ORIGINATOR
    caveats: tuple[codes.Caveat, ...] = ()
    purposes: tuple[codes.Purpose, ...] = Field(
        (), description="Purposes the originator allows; empty means no wish beyond policy."
    )
    source_type: codes.SourceType
    reliability: codes.Reliability = codes.Reliability.F
    credibility: codes.Credibility = codes.Credibility.SIX
    fact_or_assessment: codes.Basis = codes.Basis.ASSESSMENT
    urgency: codes.Urgency = codes.Urgency.UNKNOWN
    severity: codes.Severity = codes.Severity.UNKNOWN
    certainty: codes.Certainty = codes.Certainty.UNKNOWN
    at_risk: codes.Answer = Field(codes.Answer.UNKNOWN, description="A person is at risk of harm.")
    in_transit: codes.Answer = Field(
        codes.Answer.UNKNOWN, description="A victim is being moved now."
    )
    exploitation: tuple[codes.Exploitation, ...] = ()
    acts: tuple[codes.Act, ...] = ()
    means: tuple[codes.Means, ...] = ()
    sectors: tuple[codes.Sector, ...] = ()
    minor: codes.Answer = Field(codes.Answer.UNKNOWN, description="A victim is under 18.")
    consent: codes.Consent = codes.Consent.UNKNOWN
    countries_origin: _Countries = ()
    countries_transit: _Countries = ()
    countries_destination: _Countries = ()
    conveyance_kinds: tuple[codes.ConveyanceKind, ...] = ()

    @model_validator(mode="after")
    def _expires_after_origin(self) -> Self:
        if self.expires_at <= self.originated_at:
            raise ValueError("TIMES_INVALID")
        return self


#: The first fields of the label: they identify one revision and are not read by policy.
LABEL_HEAD: tuple[str, ...] = ("alert_id", "revision", "originated_at", "expires_at")

#: The other fields of the label, in wire order: what policy reads.
LABEL_ATTRIBUTES: tuple[str, ...] = tuple(
    name for name in Label.model_fields if name not in LABEL_HEAD
)


class Distribution(Model):
    """The originator's wishes about who may see the alert; never released.

    Names in the lists are ids of units, organisations or communities.
    """

    releasable_to: _Names = Field((), description="If not empty, only these.")
    not_releasable_to: _Names = Field((), description="Never these.")
    named_recipients: _Names = Field((), description="Units named for TLP:RED.")
    consent_scope: tuple[codes.RecipientClass, ...] = Field(
        (), description="Recipient classes that the people concerned agreed to."
    )
    onward: codes.Onward = codes.Onward.ASK
    embargo_until: EmbargoMoment | None = Field(
        None, description="Nothing is released before this."
    )
    legal_basis: LegalBasis | None = Field(
        None, description="Kind of law or agreement; a code, as it is not sealed."
    )
    retention_class: codes.Retention = codes.Retention.DAYS_90
