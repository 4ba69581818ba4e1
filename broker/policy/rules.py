"""Rules as parsed by Cedar: ids, annotations, scopes, and what of a request they read.

A Cedar decision is a pure function of policies, entities and request. What a rule reads is
taken from its parsed form, so a cache keyed by just that is sound; a rule whose scope cannot
match an action can be left out of that action's slice. Scope tests cannot err.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any

import cedarpy
from cedarpy import pst

from broker.policy.actions import ACTIONS, Groups, action_entity


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: Its ``@id``.
        file: The file it stands in.
        template: Its parsed form.
    """

    id: str
    file: str
    template: pst.Template

    @property
    def permits(self) -> bool:
        """Whether it permits; otherwise it forbids."""
        return self.template.effect == "permit"

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return dict(self.template.annotations)

    @property
    def held(self) -> bool:
        """Whether its permit waits for approvals (docs/decisions/0005)."""
        return "hold" in self.template.annotations

    @property
    def named_actions(self) -> tuple[pst.EntityUid, ...]:
        """The actions and groups that its scope names; none if it is for every action."""
        scope = self.template.action
        if isinstance(scope, pst.ActionEq):
            return (scope.entity,)
        return tuple(scope.entities) if isinstance(scope, pst.ActionIn) else ()

    def applies_to(self, action: str, groups: Groups) -> bool:
        """Whether its scope can match *action*, which is in *groups*[action]."""
        scope = self.template.action
        if isinstance(scope, pst.ScopeAny):
            return True
        if isinstance(scope, pst.ActionEq):
            return bool(scope.entity == action_entity(action))
        return not groups[action].isdisjoint(self.named_actions)

    @cached_property
    def reads(self) -> "Reads":
        """What of a request it reads."""
        reads = Reads()
        for scope in (self.template.principal, self.template.resource):
            reads.note_scope(scope, principal=scope is self.template.principal)
        for clause in self.template.clauses:
            reads.note(clause.expr)
        return reads


class Reads:
    """What of a request rules read.

    Attributes:
        resource: Attributes of the alert.
        principal: Attributes of the unit.
        names_against: Lists of the alert that the unit's names are looked for in.
        memberships: Entities that the unit is compared with, or tested to be in.
        is_originator: Whether the unit is compared with the alert's originator.
        principal_whole: The unit is used in a way that no attribute stands for.
        resource_whole: The same for the alert.
    """

    def __init__(self) -> None:
        self.resource: set[str] = set()
        self.principal: set[str] = set()
        self.names_against: set[str] = set()
        self.memberships: set[pst.EntityUid] = set()
        self.is_originator = False
        self.principal_whole = False
        self.resource_whole = False

    def update(self, other: "Reads") -> None:
        """Take in what *other* reads."""
        self.resource |= other.resource
        self.principal |= other.principal
        self.names_against |= other.names_against
        self.memberships |= other.memberships
        self.is_originator |= other.is_originator
        self.principal_whole |= other.principal_whole
        self.resource_whole |= other.resource_whole

    def note_scope(self, scope: Any, *, principal: bool) -> None:
        """Note a scope's constraint on the unit or the alert."""
        entity = getattr(scope, "entity", None)
        if entity is None:
            return
        if principal and isinstance(entity, pst.EntityUid):
            self.memberships.add(entity)
        else:
            self.resource_whole = True

    def note(self, node: Any) -> None:
        """Note what the expression *node* reads."""
        if not (self._note_comparison(node) or self._note_attribute(node)):
            for child in children(node):
                self.note(child)

    def _note_comparison(self, node: Any) -> bool:
        """Note a comparison of the unit that needs less than the whole unit."""
        match node:
            case pst.BinaryOp(
                op="contains_any",
                left=pst.GetAttr(base=pst.Var(name="resource"), attr=attr),
                right=pst.GetAttr(base=pst.Var(name="principal"), attr="names"),
            ):
                self.names_against.add(attr)
            case pst.BinaryOp(
                op="in" | "eq" | "not_eq",
                left=pst.Var(name="principal"),
                right=pst.EntityLit(value=entity),
            ):
                self.memberships.add(entity)
                return True
            case pst.BinaryOp(
                op="eq" | "not_eq",
                left=pst.Var(name="principal"),
                right=pst.GetAttr(base=pst.Var(name="resource"), attr="originator" as attr),
            ):
                self.is_originator = True
            case _:
                return False
        self.resource.add(attr)
        return True

    def _note_attribute(self, node: Any) -> bool:
        """Note one attribute, or the whole unit or alert."""
        match node:
            case pst.GetAttr(base=pst.Var(name="resource"), attr=attr):
                self.resource.add(attr)
            case pst.GetAttr(base=pst.Var(name="principal"), attr=attr):
                self.principal.add(attr)
            case pst.HasAttr(base=pst.Var(name="resource"), attrs=attrs):
                self.resource.update(attrs)
            case pst.HasAttr(base=pst.Var(name="principal"), attrs=attrs):
                self.principal.update(attrs)
            case pst.Var(name="principal"):
                self.principal_whole = True
            case pst.Var(name="resource"):
                self.resource_whole = True
            case _:
                return False
        return True


class RuleSet:
    """All rules of a bundle, sliced by action.

    Args:
        rules: The rules.
        groups: Per action, which of the actions and groups that rules name it is in.
    """

    def __init__(self, rules: Iterable[Rule], groups: Groups) -> None:
        self.rules = tuple(rules)
        self.groups = groups
        self.by_id = {rule.id: rule for rule in self.rules}
        counted = [rule for rule in self.rules if not rule.held]
        self._slices = {a: _slice(counted, a, groups) for a in ACTIONS}
        self._with_held = {a: _slice(self.rules, a, groups) for a in ACTIONS}
        self._held = {
            action: any(rule.held and rule.applies_to(action, groups) for rule in self.rules)
            for action in ACTIONS
        }
        self.reads = Reads()
        for rule in self.rules:
            self.reads.update(rule.reads)

    def slice(self, action: str) -> cedarpy.PolicySet:
        """Return the rules that can match *action*, held ones left out."""
        return self._slices[action]

    def slice_with_held(self, action: str) -> cedarpy.PolicySet | None:
        """Return the same with the held ones, or None where there are none."""
        return self._with_held[action] if self._held[action] else None

    def of(self, effect: str) -> Iterator[Rule]:
        """Yield the rules of one effect: ``permit`` or ``forbid``."""
        return (rule for rule in self.rules if rule.template.effect == effect)


def _slice(rules: Iterable[Rule], action: str, groups: Groups) -> cedarpy.PolicySet:
    chosen = {rule.id: _named(rule) for rule in rules if rule.applies_to(action, groups)}
    return cedarpy.PolicySet.from_pst(
        pst.PolicySet(templates={}, static_policies=chosen, template_links=())
    )


def _named(rule: Rule) -> pst.Template:
    # Diagnostics name policies by their position; by their @id they mean something.
    t = rule.template
    return pst.Template(
        rule.id, t.effect, t.principal, t.action, t.resource, t.clauses, t.annotations
    )


def mentions_action(rule: Rule) -> bool:
    """Whether a condition of *rule* asks which action it is."""
    return any(_mentions(clause.expr) for clause in rule.template.clauses)


def _mentions(node: Any) -> bool:
    return node == pst.Var("action") or any(_mentions(child) for child in children(node))


def children(node: Any) -> Iterator[Any]:
    """Yield what stands directly below a node of a parsed rule."""
    if isinstance(node, tuple):
        yield from node
    elif isinstance(node, dict):
        yield from node.values()
    elif is_dataclass(node) and not isinstance(node, type):
        for each in fields(node):
            yield getattr(node, each.name)
