"""What a feed receives, what it answers, and what becomes of what it will not take.

`Release` is the only thing that feeds and connectors accept. Only `broker.pipeline.project`
makes one; nothing takes an `Alert` where a `Release` is wanted.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from broker.model.alert import Compartments
from broker.model.base import Model, Moment
from broker.model.label import Label
from broker.model.reason import Reason
from broker.model.text import Reading, reading


class ReleaseKind(StrEnum):
    """A release carries content; a recall takes back every revision before it."""

    UNKNOWN = "UNKNOWN"
    RELEASE = "RELEASE"
    RECALL = "RECALL"


class Release(NamedTuple):
    """What one feed receives of one alert revision, as bytes.

    It names no feed, so equal disclosures to many feeds are one value, encoded once.

    Attributes:
        kind: Release or recall; a recall has no label and no content.
        identity: The alert's id, 16 bytes.
        revision: The revision released, or the last one that is taken back.
        profile: Mask of the compartments it carries, 0 for a recall. It says nothing of slots
            left empty, whether by the originator or by policy.
        value: The framed Avro record (`release` v1), ready for the feed's topic.
    """

    kind: ReleaseKind
    identity: bytes
    revision: int
    profile: int
    value: bytes

    def __repr__(self) -> str:
        return f"Release({self.kind}, {self.alert_id}, {self.revision})"

    @property
    def alert_id(self) -> UUID:
        """The alert."""
        return UUID(bytes=self.identity)

    @property
    def place(self) -> tuple[int, bool]:
        """Its place among the releases of its alert to one feed: a recall follows what it ends."""
        return self.revision, self.kind is ReleaseKind.RECALL

    def idempotency_key(self, feed: str) -> str:
        """Return the key by which *feed*'s recipient recognises a repeated delivery."""
        identity = f"{feed}\n{self.alert_id}\n{self.revision}\n{self.kind}\n{self.profile}"
        return hashlib.sha256(identity.encode()).hexdigest()


def _is_none(value: object) -> bool:
    return value is None


class ReleaseView(Model):
    """A release as people and plain formats read it."""

    kind: ReleaseKind
    alert_id: UUID
    revision: int
    released_at: Moment
    acknowledge_within_seconds: int | None = None
    label: Label | None = None
    compartments: Compartments = Compartments()
    sealed: bool = Field(False, description="The content is there and was not opened.")
    doubt: Reason | None = Field(
        None,
        exclude_if=_is_none,
        description="Why a recall could not be verified. Stop using the alert all the same.",
    )
    record: str | None = Field(
        None,
        description="The framed release, base64: what `lali verify` and a client's key work on.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _as_stored(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # It was accepted once, perhaps before today's rules for text: its reader may read it.
        with reading(Reading.STORED):
            return handler(value)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a release was taken.

    Attributes:
        reference: What the recipient's system answered by: a file name, a status, an offset.
            It never holds content.
    """

    feed: str
    alert_id: UUID
    revision: int
    kind: ReleaseKind
    delivered_at: datetime
    reference: str
