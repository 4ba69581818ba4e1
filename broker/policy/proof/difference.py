"""What changes between two bundles: who newly sees what, and who no longer does, over all labels.

Both bundles are put to one solver with one request: the same alert, the same feed by its id,
the same moment. What it finds is asked of both engines.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import z3

from broker.policy.actions import ACTIONS
from broker.policy.bundle import Bundle
from broker.policy.proof.asking import Answer, ask
from broker.policy.proof.deciding import Deciding, named_groups
from broker.policy.proof.requests import Request, request_in
from broker.policy.proof.values import Text, all_of, any_of, negated
from broker.policy.proof.vocabulary import vocabulary
from broker.policy.proof.worlds import World, this_community


@dataclass(frozen=True)
class Change:
    """What one feed gains or loses.

    Attributes:
        feed: The feed.
        gains: Whether it gains; otherwise it loses.
        actions: What it may see under one bundle and not under the other, for some alert.
        example: An alert for which that is so.
        seen: What of the actions it gains or loses in the example, by the engines.
        by: The rules that decide the example under the new bundle and not under the old.
        no_longer: The reverse.
    """

    feed: str
    gains: bool
    actions: tuple[str, ...]
    example: Request
    seen: tuple[str, ...]
    by: tuple[str, ...]
    no_longer: tuple[str, ...]


@dataclass
class Difference:
    """How two bundles differ; no change means that they release the same, always."""

    changes: list[Change] = field(default_factory=list)
    seconds: float = 0.0


def difference(old: Bundle, new: Bundle) -> Difference:
    """Return how what *new* releases differs from what *old* does.

    Raises:
        NotTranslated: A rule has no translation.
    """
    began = time.monotonic()
    both = _Both(old, new)
    found = Difference()
    for gains in (True, False):
        found.changes += both.changes(gains=gains)
    found.seconds = time.monotonic() - began
    return found


class _Both:
    """Two bundles before one solver."""

    def __init__(self, old: Bundle, new: Bundle) -> None:
        self._old, self._new = old, new
        templates = [rule.template for each in (old, new) for rule in each.rules.rules]
        words = vocabulary(templates, [old.community, new.community])
        self._worlds = [
            this_community(one.community, words, [other.community])
            for one, other in ((old, new), (new, old))
        ]
        self._solver = z3.SolverFor("QF_FD")
        for world in self._worlds:
            self._solver.add(*world.symbols.constraints)
        self._released = [
            self._named(which, bundle, world)
            for which, bundle, world in zip(("old", "new"), (old, new), self._worlds, strict=True)
        ]

    def _named(self, which: str, bundle: Bundle, world: World) -> dict[str, z3.BoolRef]:
        groups = named_groups(bundle.schema, [rule.template for rule in bundle.rules.rules])
        deciding = Deciding(world, bundle.rules.rules, groups)
        named = {}
        for action in ACTIONS:
            named[action] = z3.Bool(f"{which}: released {action}")
            self._solver.add(named[action] == deciding.released(action))
        return named

    def changes(self, *, gains: bool) -> Iterator[Change]:
        """Yield what each feed gains, or loses."""
        before, after = self._released if gains else reversed(self._released)
        gained = {a: all_of((after[a], negated(before[a]))) for a in ACTIONS}
        world = self._worlds[1 if gains else 0]
        if self._solver.check(any_of(gained.values())) == z3.unsat:
            return
        feeds = world.value("feed")
        assert isinstance(feeds, Text)
        for feed, selected in feeds.options.items():
            actions = tuple(
                action
                for action, condition in gained.items()
                if self._solver.check(selected, condition) == z3.sat
            )
            if actions:
                yield self._change(feed, gains, actions, world, [selected, gained[actions[0]]])

    def _change(
        self,
        feed: str,
        gains: bool,  # noqa: FBT001
        actions: tuple[str, ...],
        world: World,
        assumed: list[z3.BoolRef],
    ) -> Change:
        request = request_in(world, self._solver, assumed)
        assert request is not None
        before, after = _asked(self._old, request), _asked(self._new, request)
        seen = after.seen - before.seen if gains else before.seen - after.seen
        return Change(
            feed=feed,
            gains=gains,
            actions=actions,
            example=request,
            seen=tuple(action for action in ACTIONS if action in seen),
            by=tuple(name for name in after.rules if name not in before.rules),
            no_longer=tuple(name for name in before.rules if name not in after.rules),
        )


def _asked(bundle: Bundle, request: Request) -> Answer:
    """Return what *bundle* releases; a feed or an originator that it does not know gets nothing."""
    known = bundle.community
    if request.feed not in known.feeds or request.view["originator"] not in known.units:
        return Answer(frozenset(), ())
    return ask(bundle, request)
