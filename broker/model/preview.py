"""What a dry run answers: who would receive an alert, what they would see, and why."""

from enum import StrEnum

from pydantic import Field

from broker.model.base import Country, Id, Model
from broker.model.codes import Purpose, RecipientClass
from broker.model.compartment import Compartment
from broker.model.exchange import Fault
from broker.model.reason import Reason
from broker.model.warning import AlertWarning


class Effect(StrEnum):
    """What a rule did."""

    PERMIT = "permit"
    FORBID = "forbid"
    HOLD = "hold"
    """It would permit more once two people approve."""
    GUARD = "guard"
    """No rule but a guard in code, behind the rules."""


class RuleSaid(Model):
    """A rule that decided."""

    id: str
    effect: Effect
    why: str = Field(description="Its reason, in the bundle's own words.")


class PreviewRow(Model):
    """What one feed would receive, or several that the originator may not tell apart."""

    feed: Id | None = Field(None, description="Only where the originator may know it by name.")
    unit: Id | None = Field(None, description="Only where the originator may know it by name.")
    recipient_class: RecipientClass
    country: Country | None = None
    purpose: Purpose | None = None
    feeds: int = Field(1, description="How many feeds this row stands for.")
    sees: tuple[Compartment, ...] = Field(
        (), description="Of the compartments that hold something; the label is always seen."
    )
    withheld: tuple[Compartment, ...] = Field((), description="The others that hold something.")
    rules: tuple[RuleSaid, ...] = ()
    reason: Reason | None = Field(None, description="Why nothing is received.")
    acknowledge_within_seconds: int | None = Field(
        None, description="How soon the recipient would have to acknowledge."
    )


class Preview(Model):
    """The answer for one draft. Nothing was published, and nothing kept."""

    feeds: int = Field(description="How many feeds would receive it.")
    receives: tuple[PreviewRow, ...] = Field(description="Who would receive it.")
    withheld: tuple[PreviewRow, ...] = Field(description="Who would receive nothing.")
    warnings: tuple[AlertWarning, ...] = Field(
        description="What to look at before it is published; none of them stops it."
    )


class PreviewResult(Model):
    """The answer for one draft of several."""

    preview: Preview | None = Field(None, description="None where the draft was refused.")
    errors: tuple[Fault, ...] = Field((), description="Why it was refused.")


class PreviewBatch(Model):
    """The answers for several drafts, in their order."""

    previews: tuple[PreviewResult, ...]
