"""Labels that route has decided before, with everything that follows from one label.

A region's labels repeat; their plans, the feeds that receive, and the constant parts of
their ledger and audit records do too. All of it is kept under the label's own bytes.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from broker.model.decision import Plan, Verdict
from broker.model.reason import Reason
from broker.pipeline.ledger import Holder, withdraws
from broker.pipeline.retention import retention_ms
from broker.policy.facts import Facts
from broker.wire import record_bytes
from broker.wire.alert_bytes import AttributesIndex, View, read_attributes
from broker.wire.cutting import cutting
from broker.wire.layout import LATEST, Layout
from broker.wire.outbox import Fanout
from broker.wire.partition import Target
from broker.wire.plan_codec import encode_plan
from broker.wire.release_bytes import encode_acknowledge
from broker.wire.topics import Topics

PlanOf = Callable[[View, Facts], Plan]


@dataclass(frozen=True, slots=True)
class Audience:
    """The feeds that receive one disclosure profile.

    Attributes:
        mask: The compartments they may see.
        acknowledge: Their obligation, encoded.
        feeds: Their ids.
        fanout: Their topics, in this partition.
    """

    mask: int
    acknowledge: bytes
    feeds: tuple[str, ...]
    fanout: Fanout


@dataclass(slots=True)
class Decided:
    """What follows from one label under one set of facts."""

    plan: Plan
    plan_record: bytes
    audiences: tuple[Audience, ...]
    failed: bool
    firsts: dict[tuple[int, int, int], "First"] = field(default_factory=dict)


class First(NamedTuple):
    """What first revisions of one decision share that hold the same slots.

    Attributes:
        ledger_tail: The end of their ledger entries.
        audit_tail: The end of their audit entries.
        holders: Who holds them from then on.
    """

    ledger_tail: bytes
    audit_tail: bytes
    holders: tuple[Holder, ...]


@dataclass(slots=True)
class Known:
    """One run of label attributes and distribution, decoded.

    Attributes:
        view: What policy reads.
        distribution: The bytes of the distribution.
        label_length: Bytes from the start of the run to the end of the label.
        length: Bytes of the whole run.
        embargo_until: Epoch ms, or 0.
        retention_ms: How long the ledger keeps the alert.
        decided: What was decided, by facts.
        by_plan: The same by the digest of its plan.
    """

    view: View
    distribution: bytes
    originator: str
    message_type: str
    label_length: int
    length: int
    embargo_until: int
    retention_ms: int
    decided: dict[Facts, Decided] = field(default_factory=dict)
    by_plan: dict[bytes, Decided] = field(default_factory=dict)

    @property
    def cancels(self) -> bool:
        """Whether it is a cancel."""
        return self.message_type == "CANCEL"

    @property
    def withdraws(self) -> bool:
        """Whether it says that a person's consent is withdrawn."""
        return withdraws(self.view)


class KnownLabels:
    """The labels known to one partition's router, under one bundle."""

    def __init__(self, plan_of: PlanOf, topics: Topics, partition: int) -> None:
        self._plan_of = plan_of
        self._topics = topics
        self._partition = partition
        self._index: AttributesIndex[Known] = AttributesIndex()
        self._fanouts: dict[tuple[str, ...], Fanout] = {}

    def find(self, value: bytes, start: int) -> Known:
        """Return the label whose attributes begin at *start* of the framed alert.

        Raises:
            Rejected: UNEXPECTED: no label is there.
        """
        known = self._index.find(value, start)
        if known is None:
            known = _learn(value, start)
            self._index.add(value[start : start + known.length], known)
        return known

    def decided(self, known: Known, facts: Facts) -> Decided:
        """Return what the bundle decides for *known* under *facts*."""
        decided = known.decided.get(facts)
        if decided is None:
            decided = self._decide(known, facts)
            if not decided.failed:  # an error is asked again, never remembered
                known.decided[facts] = known.by_plan[decided.plan.digest] = decided
        return decided

    def first(
        self,
        known: Known,
        decided: Decided,
        present: int,
        revision: int,
        layout: Layout = LATEST,
    ) -> First:
        """Return what the records of a first revision end in, and who holds it."""
        key = (present, revision, layout.slots)
        made = decided.firsts.get(key)
        if made is None:
            made = decided.firsts[key] = _first(known, decided, present, revision, layout)
        return made

    def _decide(self, known: Known, facts: Facts) -> Decided:
        plan = self._plan_of(known.view, facts)
        # Facts that no rule tells apart come to one plan: what follows from it is kept once.
        same = known.by_plan.get(plan.digest)
        if same is not None:
            return same
        failed = any(group.outcome.reason is Reason.POLICY_ERROR for group in plan.groups)
        return Decided(plan, encode_plan(plan), self._audiences(plan), failed)

    def _audiences(self, plan: Plan) -> tuple[Audience, ...]:
        audiences = []
        for group in plan.groups:
            if group.outcome.verdict is Verdict.RELEASE:
                feeds = tuple(recipient.feed for recipient in group.recipients)
                acknowledge = encode_acknowledge(group.outcome.acknowledge_within_seconds)
                audiences.append(
                    Audience(group.outcome.compartments, acknowledge, feeds, self.fanout(*feeds))
                )
        return tuple(audiences)

    def fanout(self, *feeds: str) -> Fanout:
        """Return where releases to *feeds* go; for the same feeds the same fanout."""
        found = self._fanouts.get(feeds)
        if found is None:
            targets = (Target(self._topics.feed(feed), self._partition) for feed in feeds)
            found = self._fanouts[feeds] = Fanout(*targets)
        return found


def _first(known: Known, decided: Decided, present: int, revision: int, layout: Layout) -> First:
    holders = tuple(
        Holder(feed, revision, layout.shown(audience.mask) & present, recalled=False)
        for audience in decided.audiences
        for feed in audience.feeds
    )
    plan, originator = decided.plan, known.originator
    rows: list[dict[str, Any]] = [holder._asdict() for holder in holders]
    return First(
        record_bytes.ledger_tail(known.distribution, present, originator, plan.digest, rows),
        record_bytes.audit_tail(
            present, originator, known.message_type, plan.bundle_digest, plan.digest
        ),
        holders,
    )


def later_tail(
    known: Known, decided: Decided, present: int, holders: tuple[Holder, ...], *, cancels: bool
) -> bytes:
    """Return the end of the ledger entry of a later revision that *holders* hold."""
    return record_bytes.ledger_tail(
        known.distribution,
        present,
        known.originator,
        decided.plan.digest,
        [holder._asdict() for holder in holders],
        cancelled=cancels,
    )


def _learn(value: bytes, start: int) -> Known:
    view, label_end, end = cutting(read_attributes)(value, start)
    embargo = view["embargo_until"]
    return Known(
        view=view,
        distribution=value[label_end:end],
        originator=sys.intern(view["originator"]),
        message_type=sys.intern(view["message_type"]),
        label_length=label_end - start,
        length=end - start,
        embargo_until=int(embargo.timestamp() * 1000) if embargo else 0,
        retention_ms=retention_ms(view["retention_class"]),
    )
