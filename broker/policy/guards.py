"""What no rule can permit: guards in code, behind the rules.

The bundle has a rule for each of these, and it is the rule that decides. A guard means that
a mistake in a bundle cannot release what must never be released; where one had to step in,
the decision names it.
"""

from typing import NamedTuple

from broker.model.community import Feed
from broker.model.decision import Outcome, Verdict
from broker.model.reason import Reason
from broker.policy.entities import Reduced
from broker.policy.facts import Facts

#: Attributes that guards read; part of every cache key.
GUARD_READS = frozenset({"status", "tlp", "named_recipients"})


class Guard(NamedTuple):
    """A guard's name, as decisions record it, and the reason it gives."""

    name: str
    reason: Reason


EXPIRED = Guard("guard-expired", Reason.EXPIRED)
EMBARGOED = Guard("guard-embargoed", Reason.EMBARGOED)
NOT_OPERATIONAL = Guard("guard-exercise", Reason.NOT_OPERATIONAL)
UNNAMED = Guard("guard-red", Reason.RULE_FORBIDS)


def guard_against(reduced: Reduced, feed: Feed, facts: Facts) -> Guard | None:
    """Return the guard that withholds everything from *feed*, or None.

    An unknown TLP counts as RED that names nobody, an unknown status as no real alert.
    """
    if facts.expired:
        return EXPIRED
    if facts.embargoed:
        return EMBARGOED
    if reduced["status"] != "ACTUAL" and feed.operational:
        return NOT_OPERATIONAL
    if reduced["tlp"] == "UNKNOWN":
        return UNNAMED
    if reduced["tlp"] == "RED" and feed.unit not in reduced["named_recipients"]:
        return UNNAMED
    return None


def guarded(outcome: Outcome, guard: Guard | None) -> Outcome:
    """Return *outcome* as *guard* leaves it."""
    if guard is None or outcome.reason is Reason.POLICY_ERROR:
        return outcome
    if outcome.verdict is Verdict.WITHHOLD:
        return Outcome(Verdict.WITHHOLD, 0, outcome.rules or (guard.name,), guard.reason)
    return Outcome(Verdict.WITHHOLD, 0, (guard.name,), guard.reason)
