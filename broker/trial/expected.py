"""What must come of a stream, worked out from what was published and from policy alone.

It shares with the pipeline the codecs and the decider, and nothing of its bookkeeping: who
holds what is counted here anew, step by step, in the order of publication.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from broker.audit.balance import Disclosure, Position
from broker.clock import epoch_ms
from broker.model.alert import Alert
from broker.model.codes import MessageType
from broker.model.decision import Verdict
from broker.policy.decide import Decider, view_of
from broker.policy.facts import Facts
from broker.simulate import Expectation
from broker.trial.stream import Published

#: Expectation to the kind of its audit entry.
KINDS = {
    Expectation.ACCEPTED: "DECIDED",
    Expectation.DUPLICATE: "DUPLICATE",
    Expectation.QUARANTINED: "QUARANTINED",
}


@dataclass(slots=True)
class Expected:
    """What must come of a stream.

    Attributes:
        said: What the audit log must say of each publication: kind and reason.
        disclosed: What must stand in the feeds, each once.
        latest: The latest accepted revision of each alert.
    """

    said: dict[Position, tuple[str, str | None]] = field(default_factory=dict)
    disclosed: set[Disclosure] = field(default_factory=set)
    latest: dict[UUID, int] = field(default_factory=dict)


def expect(published: Iterable[Published], decider: Decider) -> Expected:
    """Return what must come of *published*, given in its order."""
    expected = Expected()
    holders: dict[UUID, dict[str, tuple[int, int]]] = {}
    for each in published:
        step = each.step
        reason = step.reason.value if step.reason else None
        expected.said[each.position] = (KINDS[step.expectation], reason)
        if step.expectation is Expectation.ACCEPTED:
            label = step.alert.label
            expected.latest[label.alert_id] = label.revision
            held = holders.get(label.alert_id, {})
            released = _released(step.alert, decider)
            for feed in released:
                expected.disclosed.add((feed, label.alert_id, label.revision, "RELEASE"))
            for feed in held.keys() - released.keys():
                expected.disclosed.add((feed, label.alert_id, label.revision, "RECALL"))
            for feed in held.keys() & released.keys():
                revision, had = held[feed]
                if had & ~released[feed]:  # it had what it may have no more
                    expected.disclosed.add((feed, label.alert_id, revision, "RECALL"))
            holders[label.alert_id] = {
                feed: (label.revision, shown) for feed, shown in released.items()
            }
    return expected


def _released(alert: Alert, decider: Decider) -> dict[str, int]:
    """Return who receives *alert*, each with the compartments that it is shown, as a mask."""
    if alert.label.message_type is MessageType.CANCEL:
        return {}
    now = epoch_ms()
    embargo = alert.distribution.embargo_until
    facts = Facts(
        expired=alert.label.expires_at.timestamp() * 1000 <= now,
        embargoed=embargo is not None and embargo.timestamp() * 1000 > now,
        filled=alert.compartments.mask,
    )
    plan = decider.plan(view_of(alert.label, alert.distribution), facts)
    return {
        recipient.feed: group.outcome.compartments & alert.compartments.mask
        for group in plan.groups
        if group.outcome.verdict is Verdict.RELEASE
        for recipient in group.recipients
    }
