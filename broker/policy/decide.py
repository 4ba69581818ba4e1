"""Decide: label + distribution + feed → decision, from one bundle, cached by label.

The cache key holds the bundle (one decider, one bundle), the facts, and of the label what
rules and guards read; Cedar's answer is a pure function of these. Feeds whose units and
context look the same to every rule share one evaluation.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from broker.errors import OriginatorUnknown
from broker.model.community import Feed
from broker.model.decision import Decision, Outcome, Plan, PlanGroup, Recipient, Verdict
from broker.model.label import Distribution, Label
from broker.model.reason import Reason
from broker.policy.actions import NAMESPACE
from broker.policy.bundle import Bundle
from broker.policy.entities import (
    Reduced,
    alert_entity,
    community_entities,
    context_of,
    reduce_view,
    unit_attributes,
)
from broker.policy.evaluate import Evaluation
from broker.policy.facts import Facts
from broker.policy.filled import FILLED, filled_names, told_apart
from broker.policy.guards import GUARD_READS, guard_against, guarded
from broker.wire.plan_codec import make_plan

_PLANS_KEPT = 20_000
_FAILED = Outcome(Verdict.WITHHOLD, 0, (), Reason.POLICY_ERROR)


class _Look(NamedTuple):
    """How a feed's unit and context look to every rule, the alert left aside."""

    attributes: tuple[Any, ...]
    memberships: tuple[bool, ...]
    whole: str
    purpose: str
    operational: bool


class Decider:
    """Decides under one bundle.

    Attributes:
        bundle: The bundle.
        read_set: Attributes of a label or distribution that can change a decision.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._reads = bundle.rules.reads
        self.read_set = frozenset(self._reads.resource | GUARD_READS) - {FILLED}
        self._told_apart = told_apart(bundle.rules.rules) if bundle.tells_filled else 0
        self._community = community_entities(bundle.community, bundle.schema)
        self._feeds = sorted(bundle.community.feeds.values(), key=lambda feed: feed.id)
        self._names = {
            unit.id: bundle.community.answers_to(unit) for unit in bundle.community.units.values()
        }
        self._looks = {feed.id: self._look(feed) for feed in self._feeds}
        self._plans: OrderedDict[tuple[Any, ...], Plan] = OrderedDict()

    def plan(self, view: Mapping[str, Any], facts: Facts) -> Plan:
        """Return the decisions of every active feed for an alert with this *view*."""
        reduced, facts = self._reduce(view), self._telling(facts)
        key = self._key(reduced, facts)
        plan = self._plans.get(key)
        if plan is not None:
            self._plans.move_to_end(key)
            return plan
        plan = self._make(reduced, facts)
        if not any(g.outcome.reason is Reason.POLICY_ERROR for g in plan.groups):
            self._plans[key] = plan
            if len(self._plans) > _PLANS_KEPT:
                self._plans.popitem(last=False)
        return plan

    def plan_known(self, view: Mapping[str, Any], facts: Facts) -> Plan:
        """Return the same for an alert whose originator this bundle knows.

        Raises:
            OriginatorUnknown: It does not. Another bundle does, or accept would have refused
                the alert: that bundle is on its way here.
        """
        if view["originator"] not in self.bundle.community.units:
            raise OriginatorUnknown("ORIGINATOR_UNKNOWN: this bundle has no such unit")
        return self.plan(view, facts)

    def decide(self, feed_id: str, view: Mapping[str, Any], facts: Facts) -> Decision:
        """Return the decision for one feed; a feed that is not active receives nothing."""
        plan = self.plan(view, facts)
        for group in plan.groups:
            for recipient in group.recipients:
                if recipient.feed == feed_id:
                    return Decision(recipient, group.outcome, self.bundle.digest)
        nobody = Recipient(feed_id, "", "")
        withheld = Outcome(Verdict.WITHHOLD, 0, (), Reason.NO_RULE_PERMITS)
        return Decision(nobody, withheld, self.bundle.digest)

    def outcomes(
        self, view: Mapping[str, Any], facts: Facts, only: str | None = None
    ) -> dict[str, Outcome]:
        """Return the outcome for every active feed, or for one *only*, without the cache."""
        return self._outcomes(self._reduce(view), self._telling(facts), only)

    def _telling(self, facts: Facts) -> Facts:
        """Return *facts* without what no rule of this bundle can tell apart."""
        return facts._replace(filled=facts.filled & self._told_apart)

    def _reduce(self, view: Mapping[str, Any]) -> Reduced:
        # Units are named, and nothing larger: whoever names a community for RED, or for a
        # child, names nobody. A forbid's exception could not say so, as rules see all names.
        reduced = reduce_view(view)
        named = reduced["named_recipients"]
        reduced["named_recipients"] = tuple(name for name in named if name in self._names)
        return reduced

    def _key(self, reduced: Reduced, facts: Facts) -> tuple[Any, ...]:
        if self._reads.resource_whole:
            return (facts, *reduced.items())
        return (facts, *(reduced[name] for name in self.read_set))

    def _make(self, reduced: Reduced, facts: Facts) -> Plan:
        grouped: dict[Outcome, list[Recipient]] = {}
        outcomes = self._outcomes(reduced, facts)
        for feed in self._feeds:
            recipient = Recipient(feed.id, feed.unit, feed.purpose.value)
            grouped.setdefault(outcomes[feed.id], []).append(recipient)
        groups = [PlanGroup(outcome, tuple(found)) for outcome, found in grouped.items()]
        return make_plan(self.bundle.digest, tuple(sorted(groups, key=_releases_first)))

    def _outcomes(
        self, reduced: Reduced, facts: Facts, only: str | None = None
    ) -> dict[str, Outcome]:
        evaluation = self._evaluation(reduced, facts)
        made: dict[tuple[Any, ...], Outcome] = {}
        outcomes = {}
        for feed in self._feeds:
            if only not in (None, feed.id):
                continue
            key = self._shared(feed, reduced)
            if key not in made:
                context = context_of(feed, expired=facts.expired, embargoed=facts.embargoed)
                made[key] = evaluation.outcome(feed.unit, context) if evaluation else _FAILED
            if made[key].reason is Reason.POLICY_ERROR:
                # A bundle that errs for one feed is trusted for none.
                return {each.id: _FAILED for each in self._feeds}
            outcomes[feed.id] = guarded(made[key], guard_against(reduced, feed, facts))
        return outcomes

    def _evaluation(self, reduced: Reduced, facts: Facts) -> Evaluation | None:
        if reduced["originator"] not in self._names:
            return None  # an originator nobody knows: no rule can be trusted to judge
        filled = filled_names(facts.filled) if self.bundle.tells_filled else None
        try:
            entities = self._community.with_added_json_str(
                alert_entity(reduced, filled), self.bundle.schema
            )
        except ValueError:
            return None
        return Evaluation(self.bundle, entities)

    def _shared(self, feed: Feed, reduced: Reduced) -> tuple[Any, ...]:
        """Return what an evaluation for *feed* depends on: equal keys, equal outcomes."""
        names = self._names[feed.unit]
        found = tuple(
            bool(names.intersection(reduced[attribute]))
            for attribute in sorted(self._reads.names_against)
        )
        is_originator = self._reads.is_originator and feed.unit == reduced["originator"]
        return (self._looks[feed.id], found, is_originator)

    def _look(self, feed: Feed) -> _Look:
        unit = self.bundle.community.units[feed.unit]
        attributes = unit_attributes(self.bundle.community, unit)
        names = self._names[unit.id]
        memberships = tuple(
            entity.id in names and str(entity.type).startswith(NAMESPACE)
            for entity in sorted(self._reads.memberships, key=str)
        )
        return _Look(
            attributes=tuple(str(attributes[name]) for name in sorted(self._reads.principal)),
            memberships=memberships,
            whole=unit.id if self._reads.principal_whole else "",
            purpose=feed.purpose.value,
            operational=feed.operational,
        )


def view_of(label: Label, distribution: Distribution) -> dict[str, Any]:
    """Return the view of readable models, as the wire gives it for their bytes."""
    return label.model_dump() | distribution.model_dump()


def _releases_first(group: PlanGroup) -> tuple[Any, ...]:
    outcome = group.outcome
    withheld = outcome.verdict is Verdict.WITHHOLD
    return (withheld, -outcome.compartments, outcome.reason or "", outcome.rules, outcome.held)
