"""What rules release in a world: for each action a formula, as the engine decides.

The broker's part is here a second time: guards, held permits that release nothing, and that
who may not know of an alert sees nothing of it.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

import cedarpy
import z3
from cedarpy import pst

from broker.policy.actions import ACTIONS, RECEIVE, Groups, groups_of
from broker.policy.proof.translate import Made, Translation
from broker.policy.proof.values import FALSE, Text, TextSet, Value, all_of, any_of, holds, negated
from broker.policy.proof.worlds import World
from broker.policy.rules import Rule, mentions_action


def named_groups(schema: cedarpy.Schema, templates: Iterable[pst.Template]) -> Groups:
    """Return, per action, which of the actions and groups that *templates* name it is in."""
    found = {uid for template in templates for uid in pst.entity_uids(template)}
    return groups_of(schema, (uid for uid in found if uid.type.basename == "Action"))


#: Rule id → action → when it matches.
Matches = Mapping[str, Mapping[str, z3.BoolRef]]


class Deciding:
    """Formulas of one set of rules in one world.

    Attributes:
        world: The world.
        rules: The rules, by id.
        matched: When each rule matches, for each action of its scope.
    """

    def __init__(self, world: World, rules: Iterable[Rule], groups: Groups) -> None:
        self.world = world
        self.rules = {rule.id: rule for rule in rules}
        self._groups = groups
        self._made: dict[str | None, Made] = {}
        self.matched: dict[str, dict[str, z3.BoolRef]] = {
            rule.id: self.of(rule) for rule in self.rules.values()
        }

    def of(self, rule: Rule) -> dict[str, z3.BoolRef]:
        """Return when *rule*, of this set or a variant of one, matches, by action.

        Raises:
            NotTranslated: It uses a construct that has no translation.
        """
        actions = [action for action in ACTIONS if rule.applies_to(action, self._groups)]
        if mentions_action(rule):
            return {
                action: self._translation(action, self._groups).matches(rule.template)
                for action in actions
            }
        return dict.fromkeys(actions, self._translation().matches(rule.template))

    def _translation(self, action: str | None = None, groups: Groups | None = None) -> Translation:
        return Translation(self.world, action, groups, self._made.setdefault(action, {}))

    def allowed(self, action: str, matched: Matches | None = None) -> z3.BoolRef:
        """Return when rules allow *action*, guards and ``receive`` left aside.

        Args:
            action: The action.
            matched: When each rule matches, in place of what the rules themselves say.
        """
        permitted = self.matching(action, permits=True, matched=matched)
        return all_of((permitted, negated(self.matching(action, permits=False, matched=matched))))

    def matching(
        self, action: str, *, permits: bool, but: str = "", matched: Matches | None = None
    ) -> z3.BoolRef:
        """Return when a rule of one effect matches *action*; held permits count for none.

        Args:
            action: The action.
            permits: Whether permits or forbids are meant.
            but: The id of a rule that is left aside.
            matched: When each rule matches, in place of what the rules themselves say.
        """
        return any_of(
            by_action.get(action, FALSE)
            for name, by_action in (self.matched if matched is None else matched).items()
            if self.rules[name].permits == permits and not self.rules[name].held and name != but
        )

    def released(self, action: str, matched: Matches | None = None) -> z3.BoolRef:
        """Return when *action* is released: ``receive``, or what a see_… discloses."""
        return all_of((self.allowed(RECEIVE, matched), self.allowed(action, matched), self.open))

    @cached_property
    def open(self) -> z3.BoolRef:
        """When no guard withholds and both units exist."""
        return all_of((negated(self.guarded), self.world.present))

    @cached_property
    def guarded(self) -> z3.BoolRef:
        """When a guard in code withholds everything (broker/policy/guards.py)."""
        world = self.world
        operational = world.value("context.operational")
        tlp, status = _text(world.value("resource.tlp")), _text(world.value("resource.status"))
        named = world.value("resource.named_recipients")
        assert isinstance(named, TextSet)
        unnamed = negated(holds(named, world.principal.id))
        return any_of(
            (
                world.value("context.expired"),
                world.value("context.embargoed"),
                all_of((negated(status.options["ACTUAL"]), operational)),
                tlp.options["UNKNOWN"],
                all_of((tlp.options["RED"], unnamed)),
            )
        )


def _text(value: Value) -> Text:
    assert isinstance(value, Text)
    return value
