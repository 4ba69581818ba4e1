"""What the HTTP doors and their clients say to each other, beside alerts and releases."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from broker.model.base import Id, Model, Moment
from broker.model.codes import Purpose
from broker.model.release import ReleaseView


class Fault(Model):
    """One thing that is wrong: where, and its code. Never a value."""

    path: str = Field(description="Dotted path of the field; empty for the whole.")
    code: str = Field(description="Reason code; docs/operating.md lists them.")


class ProblemDetails(Model):
    """Why a request was not done (RFC 9457)."""

    type: str = Field(description="urn:lali:problem:<code>")
    title: str
    status: int
    code: str
    errors: tuple[Fault, ...] = ()


class PublishState(StrEnum):
    """What became of one alert that was sent for publication."""

    PUBLISHED = "published"
    SPOOLED = "spooled"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class PublishedAlert(Model):
    """One alert that was published: Kafka has it on every in-sync replica.

    Policy has not decided on it yet. ``spooled``: it waits on the gateway's disk instead.
    """

    alert_id: UUID
    revision: int
    state: PublishState


class PublishResult(Model):
    """What became of one alert of a batch."""

    alert_id: UUID | None = Field(None, description="None where it could not be read so far.")
    revision: int | None = None
    state: PublishState
    errors: tuple[Fault, ...] = ()


class BatchAnswer(Model):
    """What became of a batch, in its order. One that is refused stops none of the others."""

    published: int = Field(description="How many are published or spooled.")
    refused: int = Field(description="How many were refused, for good.")
    unavailable: int = Field(description="How many Kafka did not confirm: send them again.")
    results: tuple[PublishResult, ...]


class ConsentChange(Model):
    """A change of consent that needs no new content."""

    consent: Literal["WITHDRAWN"] = Field(
        description="Cancels the alert with consent withdrawn, so that everyone who holds it is "
        "told. Whoever may share the rest publishes it as a new alert."
    )


class FeedDescription(Model):
    """A feed that the caller may read."""

    feed: Id
    purpose: Purpose
    operational: bool = Field(description="False: it receives drills only.")


class FeedList(Model):
    """The feeds that the caller may read."""

    feeds: tuple[FeedDescription, ...]


class Item(ReleaseView):
    """A release or a recall, and the cursor behind it."""

    cursor: str = Field(description="Reading goes on behind this item from here.")


class SummaryItem(Model):
    """What a thin link needs of a release to see whether it is worth fetching whole."""

    kind: str
    alert_id: UUID
    revision: int
    cursor: str
    expires_at: Moment | None = None
    originator: Id | None = None
    tlp: str | None = None
    urgency: str | None = None
    at_risk: str | None = None
    in_transit: str | None = None
    minor: str | None = None
    exploitation: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    acknowledge_within_seconds: int | None = None
    sealed: bool = False
    summary: str | None = Field(None, description="The summary compartment, where it is seen.")


#: Of a page: what is gone.
LOST = (
    "How many releases and recalls retention deleted before this reader came, at most; said once, "
    "and 0 where it is not there."
)


class FeedPage(Model):
    """A page of a feed. `next` is always there: keep it, and ask on from it later."""

    feed: Id
    items: tuple[Item, ...]
    next: str
    more: bool = Field(description="There is more already.")
    lost: int = Field(0, description=LOST)


class SummaryPage(Model):
    """A page of a feed in summary form."""

    feed: Id
    items: tuple[SummaryItem, ...]
    next: str
    more: bool
    lost: int = Field(0, description=LOST)


class ReceiptState(StrEnum):
    """What a recipient says of a release or a recall."""

    RECEIVED = "RECEIVED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    ACTED_UPON = "ACTED_UPON"
    REFUSED = "REFUSED"


class RefusalReason(StrEnum):
    """Why a recipient refuses a release; codes only, nothing about a person."""

    NOT_OURS = "NOT_OURS"
    UNREADABLE = "UNREADABLE"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    DUPLICATE = "DUPLICATE"
    NO_CAPACITY = "NO_CAPACITY"
    OTHER = "OTHER"


def _no_boolean(given: object) -> object:
    # Python counts true as 1; JSON does not.
    if isinstance(given, bool):
        raise ValueError("FIELD_INVALID")  # noqa: TRY004 - pydantic wants this kind
    return given


class ReceiptLine(Model):
    """One receipt."""

    alert_id: UUID
    revision: Annotated[int, BeforeValidator(_no_boolean)] = Field(ge=1, le=1_000_000)
    state: ReceiptState
    reason: RefusalReason | None = Field(None, description="With REFUSED, and only then.")


class Receipts(Model):
    """Receipts for releases and recalls of one feed."""

    receipts: tuple[ReceiptLine, ...] = Field(min_length=1, max_length=500)


class ReceiptResult(Model):
    """What became of one receipt."""

    alert_id: UUID
    revision: int
    recorded: bool
    errors: tuple[Fault, ...] = ()


class ReceiptsAnswer(Model):
    """What became of the receipts, in their order."""

    results: tuple[ReceiptResult, ...]
