"""Which feed sees which part: always, sometimes, never; over all labels, in one community."""

from enum import StrEnum

import z3

from broker.policy.actions import ACTIONS, RECEIVE
from broker.policy.bundle import Bundle
from broker.policy.proof.deciding import named_groups
from broker.policy.proof.proving import Proving
from broker.policy.proof.values import TRUE, Text, negated
from broker.policy.proof.vocabulary import vocabulary
from broker.policy.proof.worlds import this_community


class Sees(StrEnum):
    """How often a feed receives an alert; and how often one that receives sees a part of it."""

    ALWAYS = "always"
    SOMETIMES = "sometimes"
    NEVER = "never"


#: By feed and action, how often.
Matrix = dict[str, dict[str, Sees]]


def matrix(bundle: Bundle) -> Matrix:
    """Return, by feed and action, how often; a feed that receives nothing never sees.

    ``receive`` is over all alerts, each see_… over those that the feed receives.

    Raises:
        NotTranslated: A rule has no translation.
    """
    templates = [rule.template for rule in bundle.rules.rules]
    world = this_community(bundle.community, vocabulary(templates, [bundle.community]))
    proving = Proving(world, bundle.rules.rules, named_groups(bundle.schema, templates))
    feeds = world.value("feed")
    assert isinstance(feeds, Text)
    return {
        feed: {action: _sees(proving, selected, action) for action in ACTIONS}
        for feed, selected in feeds.options.items()
    }


def _sees(proving: Proving, selected: z3.BoolRef, action: str) -> Sees:
    seen = proving.released(action)
    among = TRUE if action == RECEIVE else proving.released(RECEIVE)
    if proving.solver.check(selected, seen) == z3.unsat:
        return Sees.NEVER
    unseen = proving.solver.check(selected, among, negated(seen))
    return Sees.ALWAYS if unseen == z3.unsat else Sees.SOMETIMES
