"""What the engine says to a request that the solver found: the last word is its."""

from dataclasses import dataclass

from broker.model.compartment import compartments_in
from broker.model.decision import Outcome, Verdict
from broker.policy.actions import RECEIVE
from broker.policy.bundle import Bundle
from broker.policy.decide import Decider
from broker.policy.proof.requests import Request


@dataclass(frozen=True)
class Answer:
    """What the engine releases to one request.

    Attributes:
        seen: The actions that it allows.
        rules: The rules that decided.
    """

    seen: frozenset[str]
    rules: tuple[str, ...]


def ask(bundle: Bundle, request: Request) -> Answer:
    """Return what the engine releases under *bundle*."""
    decider = Decider(request.bundle_with(bundle))
    outcome = decider.outcomes(request.view, request.facts)[request.feed]
    return Answer(seen_by(outcome), outcome.rules)


def seen_by(outcome: Outcome) -> frozenset[str]:
    """Return the actions that *outcome* allows: ``receive``, and each see_… it releases."""
    if outcome.verdict is Verdict.WITHHOLD:
        return frozenset()
    return frozenset(
        (RECEIVE, *(f"see_{name.value}" for name in compartments_in(outcome.compartments)))
    )
