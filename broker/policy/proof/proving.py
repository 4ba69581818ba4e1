"""Prove each property of a bundle, for its own community and for any."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import z3

from broker.policy.actions import Groups
from broker.policy.bundle import Bundle
from broker.policy.proof.asking import ask
from broker.policy.proof.deciding import Deciding, named_groups
from broker.policy.proof.errors import NotTranslated
from broker.policy.proof.properties import Properties
from broker.policy.proof.requests import Request, request_in
from broker.policy.proof.translate import Translation
from broker.policy.proof.values import all_of, any_of, negated
from broker.policy.proof.vocabulary import Vocabulary, vocabulary
from broker.policy.proof.worlds import World, any_community, this_community
from broker.policy.rules import Rule, mentions_action


@dataclass(frozen=True)
class Refuted:
    """A property that does not hold.

    Attributes:
        one: The property.
        world: Where it fails.
        request: An example.
        released: What of the property's actions the engine releases in it.
        rules: Which rules decided so, by the engine.
    """

    one: Rule
    world: str
    request: Request
    released: tuple[str, ...]
    rules: tuple[str, ...]

    @property
    def confirmed(self) -> bool:
        """Whether the engine releases what the solver says it does."""
        return bool(self.released)


@dataclass
class Proofs:
    """What became of each property.

    Attributes:
        proved: Those that hold in every world, by id.
        refuted: Those that do not, with an example each.
        not_translated: What could not be translated, so that nothing is known of it.
        seconds: How long it took.
    """

    proved: list[str] = field(default_factory=list)
    refuted: list[Refuted] = field(default_factory=list)
    not_translated: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Proving:
    """One set of rules and one world, with a solver that knows both."""

    def __init__(self, world: World, rules: Iterable[Rule], groups: Groups) -> None:
        self.world = world
        self.groups = groups
        self.deciding = Deciding(world, rules, groups)
        self.solver = z3.SolverFor("QF_FD")
        self.solver.add(*world.symbols.constraints, world.present)
        self._named: dict[str, z3.BoolRef] = {}

    def named(self, name: str, make: Callable[[], z3.BoolRef]) -> z3.BoolRef:
        """Return a variable for the formula that *make* returns, known to the solver once."""
        if name not in self._named:
            self._named[name] = z3.Bool(name)
            self.solver.add(self._named[name] == make())
        return self._named[name]

    def released(self, action: str) -> z3.BoolRef:
        """Return when *action* is released, under a name."""
        return self.named(f"released: {action}", lambda: self.deciding.released(action))

    def permitted(self, one: Rule, action: str) -> z3.BoolRef:
        """Return when property *one* lets *action* be."""
        asked = action if mentions_action(one) else None
        return Translation(self.world, asked, self.groups).matches(one.template)

    def broken(self, one: Rule, actions: Iterable[str]) -> z3.BoolRef:
        """Return when the rules release something that property *one* does not let be."""
        if not mentions_action(one):
            seen = any_of(self.released(action) for action in actions)
            return all_of((seen, negated(self.permitted(one, ""))))
        return any_of(
            all_of((self.released(action), negated(self.permitted(one, action))))
            for action in actions
        )


def worlds_of(bundle: Bundle, words: Vocabulary) -> list[World]:
    """Return the worlds that properties of *bundle* are proved for."""
    # Its own first: an example of that can be kept as a case.
    return [this_community(bundle.community, words), any_community(words)]


def prove(bundle: Bundle, properties: Properties) -> Proofs:
    """Prove *properties* of *bundle*; what cannot be translated is told and not proved."""
    began = time.monotonic()
    proofs = Proofs()
    rules = bundle.rules.rules
    templates = [each.template for each in (*rules, *properties.all)]
    words = vocabulary(templates, [bundle.community])
    try:
        groups = named_groups(bundle.schema, templates)
        provings = [Proving(world, rules, groups) for world in worlds_of(bundle, words)]
    except NotTranslated as error:
        # Of rules that are known in part nothing at all is known.
        proofs.not_translated.append(str(error))
        provings = []
    broken = _broken(properties, provings, proofs) if provings else {}
    # Where nothing at all can be broken, one question says so for every property.
    suspects = [proving for proving in provings if _any_broken(proving, broken)]
    for one, conditions in broken.items():
        _prove_one(one, [(p, conditions[p]) for p in suspects], properties, bundle, proofs)
    proofs.seconds = time.monotonic() - began
    return proofs


_Broken = dict[Rule, dict[Proving, z3.BoolRef]]


def _broken(properties: Properties, provings: list[Proving], proofs: Proofs) -> _Broken:
    """Return when each property is broken in each world; note what is not translated."""
    found: _Broken = {}
    for one in properties.all:
        actions = properties.bound(one)
        try:
            found[one] = {proving: proving.broken(one, actions) for proving in provings}
        except NotTranslated as error:
            proofs.not_translated.append(str(error))
    return found


def _any_broken(proving: Proving, broken: _Broken) -> bool:
    condition = any_of(conditions[proving] for conditions in broken.values())
    return bool(proving.solver.check(condition) == z3.sat)


def _prove_one(
    one: Rule,
    broken: list[tuple[Proving, z3.BoolRef]],
    properties: Properties,
    bundle: Bundle,
    proofs: Proofs,
) -> None:
    for proving, condition in broken:
        request = request_in(proving.world, proving.solver, [condition])
        if request is not None:
            answer = ask(bundle, request)
            seen = tuple(a for a in properties.bound(one) if a in answer.seen)
            proofs.refuted.append(Refuted(one, proving.world.name, request, seen, answer.rules))
            return
    proofs.proved.append(one.id)
