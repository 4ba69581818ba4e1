"""Which feed sees which part: always, sometimes, never; over all labels, in one community."""

from enum import StrEnum

import z3

from broker.policy.actions import RECEIVE, SEE
from broker.policy.bundle import Bundle
from broker.policy.proof.deciding import named_groups
from broker.policy.proof.proving import Proving
from broker.policy.proof.values import Text, negated
from broker.policy.proof.vocabulary import vocabulary
from broker.policy.proof.worlds import this_community


class Sees(StrEnum):
    """How often a feed that receives an alert sees a part of it."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"


def matrix(bundle: Bundle) -> dict[str, dict[str, Sees]]:
    """Return, by feed and see_…, how often it is seen; a feed that receives nothing never sees.

    Raises:
        NotTranslated: A rule has no translation.
    """
    templates = [rule.template for rule in bundle.rules.rules]
    world = this_community(bundle.community, vocabulary(templates, [bundle.community]))
    proving = Proving(world, bundle.rules.rules, named_groups(bundle.schema, templates))
    feeds = world.value("feed")
    assert isinstance(feeds, Text)
    return {
        feed: {action: _sees(proving, selected, action) for action in SEE}
        for feed, selected in feeds.options.items()
    }


def _sees(proving: Proving, selected: z3.BoolRef, action: str) -> Sees:
    seen, received = proving.released(action), proving.released(RECEIVE)
    if proving.solver.check(selected, seen) == z3.unsat:
        return Sees.NEVER
    unseen = proving.solver.check(selected, received, negated(seen))
    return Sees.ALWAYS if unseen == z3.unsat else Sees.SOMETIMES
