"""Ask Cedar: one unit, one alert, every action, each against its own slice of the rules."""

from dataclasses import dataclass, field
from typing import Any

import cedarpy

from broker.model.compartment import COMPARTMENTS, mask_of
from broker.model.decision import Outcome, Verdict
from broker.model.reason import Reason
from broker.policy.actions import RECEIVE, request_for
from broker.policy.bundle import Bundle
from broker.policy.obligations import acknowledge_within_seconds


class EvaluationFailed(Exception):
    """Cedar reported an error: nothing that came of it may be used.

    Cedar skips a rule that errs, so a forbid may have been skipped.
    """


@dataclass(slots=True)
class _Found:
    permitted: list[Any] = field(default_factory=list)
    rules: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)


class Evaluation:
    """Requests of one alert under one bundle."""

    def __init__(self, bundle: Bundle, entities: cedarpy.Entities) -> None:
        self._bundle = bundle
        self._entities = entities

    def outcome(self, unit: str, context: dict[str, Any]) -> Outcome:
        """Return what *unit* may see in *context*.

        A compartment may be seen only by who may know of the alert at all.
        """
        found = _Found()
        try:
            if not self._ask(RECEIVE, unit, context, found):
                return self._withheld(found)
            for name in COMPARTMENTS:
                if self._ask(f"see_{name.value}", unit, context, found):
                    found.permitted.append(name)
        except EvaluationFailed:
            return Outcome(Verdict.WITHHOLD, 0, (), Reason.POLICY_ERROR)
        return Outcome(
            verdict=Verdict.RELEASE,
            compartments=mask_of(found.permitted),
            rules=tuple(sorted(found.rules)),
            acknowledge_within_seconds=self._acknowledge(found),
            held=tuple(sorted(found.held)),
        )

    def _ask(self, action: str, unit: str, context: dict[str, Any], found: _Found) -> bool:
        rules = self._bundle.rules
        allowed, reasons = self._answer(rules.slice(action), action, unit, context)
        found.rules.update(reasons)
        with_held = rules.slice_with_held(action)
        if not allowed and not reasons and with_held is not None:
            would, waiting = self._answer(with_held, action, unit, context)
            if would:
                found.held.update(waiting)
        return allowed

    def _answer(
        self, rules: cedarpy.PolicySet, action: str, unit: str, context: dict[str, Any]
    ) -> tuple[bool, list[str]]:
        request = request_for(action, unit, context)
        try:
            result = cedarpy.is_authorized(request, rules, self._entities, self._bundle.schema)
        except ValueError:
            raise EvaluationFailed from None
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            raise EvaluationFailed
        return result.decision is cedarpy.Decision.Allow, list(result.diagnostics.reasons)

    def _withheld(self, found: _Found) -> Outcome:
        reason = Reason.NO_RULE_PERMITS
        if found.rules:
            reason = Reason.RULE_FORBIDS
        elif found.held:
            reason = Reason.HELD
        rules, held = tuple(sorted(found.rules)), tuple(sorted(found.held))
        return Outcome(Verdict.WITHHOLD, 0, rules, reason, held=held)

    def _acknowledge(self, found: _Found) -> int | None:
        by_id = self._bundle.rules.by_id
        asked = [acknowledge_within_seconds(by_id[name].annotations) for name in found.rules]
        return min((seconds for seconds in asked if seconds is not None), default=None)
