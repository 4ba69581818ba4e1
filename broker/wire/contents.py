"""Which schemas occur in which kind of topic; no other module says so."""

from enum import StrEnum

from broker.model.compartment import Compartment


class TopicKind(StrEnum):
    """Kinds of topics, as `broker.wire.topics` names them."""

    INTAKE = "intake"
    ALERTS = "alerts"
    FEED = "feed"
    LEDGER = "ledger"
    AUDIT = "audit"
    PLANS = "plans"
    QUARANTINE = "quarantine"
    DEAD_LETTER = "dead-letter"
    CLOCK = "clock"
    OWED = "owed"


#: Names in the catalogue of what may be the value of a record, in any version.
VALUES: dict[TopicKind, tuple[str, ...]] = {
    TopicKind.INTAKE: ("alert",),
    TopicKind.ALERTS: ("alert",),
    TopicKind.FEED: ("release",),
    TopicKind.LEDGER: ("ledger-entry", "delivery-mark", "intake-mark", "owed-mark", "feed-command"),
    TopicKind.AUDIT: ("audit-entry",),
    TopicKind.PLANS: ("plan",),
    TopicKind.QUARANTINE: ("quarantine",),
    TopicKind.DEAD_LETTER: ("dead-letter",),
    TopicKind.CLOCK: (),
    TopicKind.OWED: ("release",),
}

#: Schemas of what is framed inside the slots of alerts and releases.
COMPARTMENTS = tuple(str(slot).replace("_", "-") for slot in Compartment)
