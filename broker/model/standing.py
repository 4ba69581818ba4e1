"""What an originator may know of its own alert: its state, and how many hold and answered it.

Counts only: which units receive it is not told here, and nothing of what they know.
"""

from typing import Literal
from uuid import UUID

from pydantic import Field

from broker.model.base import Model, Moment

State = Literal["PUBLISHED", "ACCEPTED", "QUARANTINED", "CANCELLED", "EXPIRED", "ERASED"]


#: Why a recipient does not have yet what was decided for it.
HELD_FOR = {
    "KEY_EXPIRED": "the recipient's key has ended",
    "KEY_UNKNOWN": "the recipient has no key",
    "FEED_UNWRITABLE": "the recipient's feed cannot be written",
}


class RevisionStanding(Model):
    """What became of one revision."""

    revision: int = Field(description="0 where what was published is too damaged to say.")
    state: Literal["PUBLISHED", "ACCEPTED", "QUARANTINED", "DUPLICATE"]
    at: Moment
    message_type: str | None = None
    reason: str | None = Field(None, description="Why it is in quarantine.")
    path: str | None = Field(None, description="The field at fault.")
    explanation: str | None = Field(None, description="The reason in words.")


class AlertStanding(Model):
    """An alert as its originator sees it."""

    alert_id: UUID
    state: State
    revisions: tuple[RevisionStanding, ...]
    feeds: int = Field(description="Feeds that it was decided for.")
    waiting: int = Field(
        0, description="Of these, feeds that do not have its latest revision yet: it is held."
    )
    waiting_for: tuple[str, ...] = Field(
        (), description="Why: KEY_EXPIRED, KEY_UNKNOWN (no key counts), FEED_UNWRITABLE."
    )
    recalled: int = Field(description="Feeds that it was recalled from.")
    recalls_taken: int = Field(
        0,
        description="Of these, feeds whose recipient has the recall, by a connector or HTTP; the "
        "others are tried until they have it. Who reads Kafka itself is not counted.",
    )
    delivered: int = Field(description="Feeds to which a revision was handed over.")
    received: int = Field(description="Feeds that said so.")
    acknowledged: int
    acted_upon: int
    refused: int
