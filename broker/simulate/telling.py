"""From a story to an alert in a given revision, and to its bytes.

An alert is retold from its seed for every revision: the same case, with canaries of that
revision, and with what the revision changes. Nothing of it is kept in between.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from broker.model.alert import Alert, Compartments
from broker.model.codes import Certainty, Consent, MessageType, Status, Tlp
from broker.model.label import Distribution, Label
from broker.simulate.canary import Mint
from broker.simulate.cast import Cast
from broker.simulate.chance import chance, uuid_by
from broker.simulate.props import Props
from broker.simulate.sketch import Sketch, Story
from broker.wire.alert_codec import SALT_BYTES, encode_alert

_Fields = dict[str, Any]

_LIFETIME = timedelta(days=90)

#: Canaries of a second, conflicting text of the same revision count from here.
_CONFLICT_START = 51


@dataclass(frozen=True, slots=True)
class Case:
    """One alert to be: its seed, its story, and what is special about it.

    Attributes:
        seed: Repeats the case exactly.
        first_at: When its first revision is written.
        status: ACTUAL, or a drill.
        embargo_until: Nothing may be released before this.
        expired_at: When it expired, before it was ever sent.
    """

    seed: str
    story: Story
    first_at: datetime
    status: Status = Status.ACTUAL
    embargo_until: datetime | None = None
    expired_at: datetime | None = None

    @property
    def alert_id(self) -> UUID:
        """The alert's id."""
        return uuid_by(chance(self.seed, "id"))


@dataclass(frozen=True, slots=True)
class Telling:
    """One revision of a case.

    Attributes:
        at: When this revision is written.
        narrowed: Consent is withdrawn, or the alert becomes TLP:RED for named recipients.
        conflicting: Another text under a revision that exists already.
    """

    revision: int
    at: datetime
    message_type: MessageType = MessageType.ALERT
    narrowed: bool = False
    conflicting: bool = False


def tell(case: Case, telling: Telling, cast: Cast) -> Alert:
    """Return the alert of *case* in the revision of *telling*."""
    start = _CONFLICT_START if telling.conflicting else 1
    props = Props(
        chance(case.seed, "story"),
        Mint(case.alert_id, telling.revision, start),
        cast,
        case.first_at,
    )
    sketch = case.story(props)
    label, wishes = _changed(telling, sketch, props)
    cancelled = telling.message_type is MessageType.CANCEL
    return Alert(
        label=Label(**_head(case, telling), originator=sketch.originator, **label),
        distribution=Distribution(**wishes, embargo_until=case.embargo_until),
        compartments=Compartments(**({} if cancelled else sketch.compartments)),
    )


def to_bytes(case: Case, telling: Telling, alert: Alert) -> bytes:
    """Return *alert* framed, with salts that repeat: a resend is equal byte for byte."""
    random = chance(case.seed, "salts", telling.revision, telling.conflicting)
    return encode_alert(alert, salts=lambda: random.randbytes(SALT_BYTES))


def secret_of(case: Case, telling: Telling) -> bytes:
    """Return the secret that a revision is sealed by: the same for a resend."""
    random = chance(case.seed, "secret", telling.revision, telling.conflicting)
    return random.randbytes(SALT_BYTES)


def _head(case: Case, telling: Telling) -> dict[str, Any]:
    originated_at, expires_at = telling.at, case.first_at + _LIFETIME
    if case.expired_at:
        originated_at, expires_at = case.expired_at - _LIFETIME, case.expired_at
    return {
        "alert_id": case.alert_id,
        "revision": telling.revision,
        "originated_at": originated_at,
        "expires_at": expires_at,
        "message_type": telling.message_type,
        "status": case.status,
    }


def _changed(telling: Telling, sketch: Sketch, props: Props) -> tuple[_Fields, _Fields]:
    if telling.narrowed and sketch.label["consent"] == "GIVEN":
        return sketch.label | {"consent": Consent.WITHDRAWN}, sketch.distribution
    if telling.narrowed:
        named = {"named_recipients": props.cast.named(props.random, 1)}
        return sketch.label | {"tlp": Tlp.RED}, sketch.distribution | named
    if telling.message_type is MessageType.UPDATE:
        return sketch.label | {"certainty": Certainty.OBSERVED}, sketch.distribution
    return sketch.label, sketch.distribution
