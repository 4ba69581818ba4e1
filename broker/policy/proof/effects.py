"""Which rules and parts of rules decide anything, and which compartments anybody receives."""

from collections.abc import Iterator

import z3

from broker.policy.actions import RECEIVE, SEE
from broker.policy.obligations import acknowledge_within_seconds
from broker.policy.proof.proving import Proving
from broker.policy.proof.values import FALSE, TRUE, Text, all_of, any_of, negated
from broker.policy.proof.variants import Variant
from broker.policy.rules import Rule, mentions_action


class Effects:
    """What each rule of a bundle does in one world.

    For each rule two formulas are kept under a name: when it matches, and when it matters
    whether it matches. What a variant changes is then one small question.
    """

    def __init__(self, proving: Proving) -> None:
        self.proving = proving
        self._deciding = proving.deciding
        self._solver = proving.solver
        self._usual = by_publishers(proving)

    def is_idle(self, rule: Rule) -> bool:
        """Whether leaving out *rule* changes nothing: no release, no obligation, no hold."""
        matches = any_of(
            all_of((self.matters(rule, action), condition))
            for action, condition in self._deciding.matched[rule.id].items()
        )
        return not self.can(matches)

    def is_dead(self, variant: Variant) -> bool:
        """Whether *variant* decides what its rule does, always."""
        return not self.can(self.differs(variant))

    def is_always_withheld(self, variant: Variant) -> bool:
        """Whether nothing that *variant* no longer permits is released, by whatever rule."""
        released = (
            all_of((self.proving.released(action), changed))
            for action, changed in self.changed(variant).items()
        )
        return not self.can(any_of(released))

    def differs(self, variant: Variant) -> z3.BoolRef:
        """Return when *variant* decides something else than its rule."""
        rule = self._deciding.rules[variant.of]
        return any_of(
            all_of((self.matters(rule, action), changed))
            for action, changed in self.changed(variant).items()
        )

    def changed(self, variant: Variant) -> dict[str, z3.BoolRef]:
        """Return, per action, when *variant* matches and its rule does not, or the reverse."""
        now = self._deciding.matched[variant.of]
        then = self._deciding.of(variant.rule) if variant.rule else {}
        if variant.rule and not mentions_action(variant.rule) and set(now) == set(then):
            # The same for every action: one formula serves.
            both = next(iter(now.values()), FALSE), next(iter(then.values()), FALSE)
            return dict.fromkeys(now, _unlike(*both))
        return {
            action: _unlike(now.get(action, FALSE), then.get(action, FALSE))
            for action in {**now, **then}
        }

    def matters(self, rule: Rule, action: str) -> z3.BoolRef:
        """Return when it matters whether *rule* matches a request for *action*."""
        name = f"matters: {rule.id} {action}"
        return self.proving.named(name, lambda: self._what_matters(rule, action))

    def can(self, condition: z3.BoolRef) -> bool:
        """Whether *condition* can hold for an alert of a unit that publishes."""
        return bool(self._solver.check(*self._usual, condition) == z3.sat)

    def _what_matters(self, rule: Rule, action: str) -> z3.BoolRef:
        permitted = self._deciding.matching(action, permits=True, but=rule.id)
        forbidden = self._deciding.matching(action, permits=False, but=rule.id)
        if rule.held:
            # Nothing permits it, and nothing but the hold keeps it back.
            return all_of((negated(permitted), negated(forbidden)))
        alone = negated(permitted) if rule.permits else permitted
        # Who may not receive sees nothing, so what a see_… says matters only then.
        received = TRUE if action == RECEIVE else self._received()
        released = all_of((alone, negated(forbidden), received, self._deciding.open))
        return any_of((released, *self._obliges(rule, action)))

    def _received(self) -> z3.BoolRef:
        return self.proving.named("allowed: receive", lambda: self._deciding.allowed(RECEIVE))

    def _obliges(self, rule: Rule, action: str) -> Iterator[z3.BoolRef]:
        """Yield when no other rule asks for an acknowledgement as soon as *rule* does."""
        wanted = acknowledge_within_seconds(rule.annotations)
        if wanted is not None and rule.permits:
            sooner = any_of(
                self._deciding.matched[other.id].get(action, FALSE)
                for other in self._deciding.rules.values()
                if other.id != rule.id and _within(other, wanted)
            )
            yield all_of((self.proving.released(action), negated(sooner)))


def by_publishers(proving: Proving) -> list[z3.BoolRef]:
    """Return that the alert comes from a unit that publishes; in any community, all do."""
    directory, source = proving.world.directory, proving.world.symbols.values.get("originator")
    if directory is None or not isinstance(source, Text):
        return []
    return [any_of(source.options[name] for name in directory.publishers())]


def received_by_nobody(effects: Effects) -> Iterator[str]:
    """Yield the see_… that no operational feed receives, unless RED names it."""
    world = effects.proving.world
    tlp, operational = world.value("resource.tlp"), world.value("context.operational")
    assert isinstance(tlp, Text)
    usual = negated(tlp.options["RED"]), operational
    for action in SEE:
        if not effects.can(all_of((*usual, effects.proving.deciding.released(action)))):
            yield action


def _within(rule: Rule, seconds: int) -> bool:
    asked = acknowledge_within_seconds(rule.annotations)
    return rule.permits and not rule.held and asked is not None and asked <= seconds


def _unlike(one: z3.BoolRef, other: z3.BoolRef) -> z3.BoolRef:
    return negated(one == other) if not one.eq(other) else FALSE
