"""Translate a rule into a formula: when it matches a request of a world.

Strictly typed rules of a schema without optional attributes and without arithmetic cannot
err, so a formula is true or false where Cedar's answer is. Everything else stops here.
"""

from collections.abc import Callable
from typing import Any

import z3
from cedarpy import pst

from broker.policy.actions import Groups, action_entity
from broker.policy.proof.errors import NotTranslated
from broker.policy.proof.relations import Entity, Relations
from broker.policy.proof.values import (
    FALSE,
    TRUE,
    Text,
    TextSet,
    all_of,
    any_of,
    choice_of,
    covers,
    holds,
    is_empty,
    literal,
    negated,
    overlap,
    same_set,
    same_text,
    set_of,
)
from broker.policy.proof.worlds import World

#: Conditions that were translated, by their identity; each is kept, so that no other takes it.
Made = dict[int, tuple[Any, Any]]


class Translation:
    """Formulas of one world for one action.

    Args:
        world: What may be asked.
        action: The action that is asked for; None where no rule may name one in a condition.
        groups: Per action, the named actions and groups that it is or is in.
        made: What was translated before for this world and action: variants of a rule share most
            of its conditions.
    """

    def __init__(
        self,
        world: World,
        action: str | None = None,
        groups: Groups | None = None,
        made: Made | None = None,
    ) -> None:
        self._made = {} if made is None else made
        self._world = world
        self._action = action
        self._among = Relations(world, action, groups or {})

    def matches(self, template: pst.Template) -> z3.BoolRef:
        """Return when *template* matches, its scope of actions left aside.

        Raises:
            NotTranslated: It uses a construct that has no translation.
        """
        try:
            return all_of(
                (
                    self._scope(template.principal, Entity("principal")),
                    self._scope(template.resource, Entity("resource")),
                    *(self._clause(clause) for clause in template.clauses),
                )
            )
        except NotTranslated as error:
            name = template.annotations.get("id", template.id)
            raise NotTranslated(f"{name}: {error}") from None

    def truth(self, node: Any) -> z3.BoolRef:
        """Return when the condition *node* holds."""
        found = self._value(node)
        if isinstance(found, Text | TextSet | Entity | list):
            raise NotTranslated("a condition that is no truth")
        return found

    def _clause(self, clause: Any) -> z3.BoolRef:
        truth = self.truth(clause.expr)
        return negated(truth) if isinstance(clause, pst.Unless) else truth

    def _scope(self, scope: Any, entity: Entity) -> z3.BoolRef:
        match scope:
            case pst.ScopeAny():
                return TRUE
            case pst.ScopeEq(entity=pst.EntityUid() as uid):
                return self._among.same(entity, Entity("named", uid))
            case pst.ScopeIn(entity=pst.EntityUid() as uid):
                return self._among.is_in(entity, Entity("named", uid))
            case pst.ScopeIs(entity_type=kind):
                return self._among.is_a(entity, kind)
            case pst.ScopeIsIn(entity_type=kind, entity=pst.EntityUid() as uid):
                inside = self._among.is_in(entity, Entity("named", uid))
                return all_of((self._among.is_a(entity, kind), inside))
        raise NotTranslated(f"a scope by {type(scope).__name__}")

    def _value(self, node: Any) -> Any:
        if (made := self._made.get(id(node))) is not None:
            return made[1]
        value = self._translated(node)
        self._made[id(node)] = (node, value)
        return value

    def _translated(self, node: Any) -> Any:
        read = self._readers().get(type(node))
        if read is None:
            raise NotTranslated(f"{type(node).__name__} is not translated")
        return read(node)

    def _readers(self) -> dict[type, Callable[[Any], Any]]:
        return {
            pst.BoolLit: lambda node: TRUE if node.value else FALSE,
            pst.StringLit: lambda node: literal(node.value),
            pst.EntityLit: lambda node: Entity("named", node.value),
            pst.Var: self._variable,
            pst.GetAttr: lambda node: self._read(node.base, node.attr),
            pst.HasAttr: self._has,
            pst.Set: lambda node: self._set([self._value(each) for each in node.elements]),
            pst.Is: self._is,
            pst.IfThenElse: self._branch,
            pst.UnaryOp: self._unary,
            pst.BinaryOp: self._binary,
        }

    def _variable(self, node: pst.Var) -> Entity:
        if node.name in ("principal", "resource"):
            return Entity(node.name)
        if node.name == "action" and self._action is not None:
            return Entity("named", action_entity(self._action))
        raise NotTranslated(f"{node.name} as a whole is not translated")

    def _unary(self, node: pst.UnaryOp) -> z3.BoolRef:
        if node.op == "not":
            return negated(self.truth(node.arg))
        if node.op == "is_empty":
            return is_empty(self._texts(node.arg))
        raise NotTranslated(f"the operation {node.op} is not translated")

    def _binary(self, node: pst.BinaryOp) -> z3.BoolRef:
        if node.op in ("and", "or"):
            both = self.truth(node.left), self.truth(node.right)
            return all_of(both) if node.op == "and" else any_of(both)
        if node.op in ("contains_any", "contains_all"):
            sets = self._texts(node.left), self._texts(node.right)
            return overlap(*sets) if node.op == "contains_any" else covers(*sets)
        compare = {
            "eq": self._same,
            "not_eq": lambda one, other: negated(self._same(one, other)),
            "in": self._among.is_in,
            "contains": self._contains,
        }.get(node.op)
        if compare is None:
            raise NotTranslated(f"the operation {node.op} is not translated")
        return compare(self._value(node.left), self._value(node.right))

    def _is(self, node: pst.Is) -> z3.BoolRef:
        if node.in_expr is not None:
            raise NotTranslated("is … in … is not translated")
        return self._among.is_a(self._entity(node.base), node.entity_type)

    def _has(self, node: pst.HasAttr) -> z3.BoolRef:
        return all_of(TRUE for attr in node.attrs if self._read(node.base, attr) is not None)

    def _read(self, base: Any, attr: str) -> Any:
        try:
            if base == pst.Var(name="context"):
                return self._world.value(f"context.{attr}")
            entity = self._entity(base)
            if entity.role == "resource":
                if attr == "originator":
                    return Entity("originator")
                return self._world.value(f"resource.{attr}")
            return self._among.unit(entity).attributes[attr]
        except KeyError:
            raise NotTranslated(f"the attribute {attr} is not known") from None

    def _branch(self, node: pst.IfThenElse) -> Any:
        condition = self.truth(node.cond)
        one, other = self._value(node.then_expr), self._value(node.else_expr)
        if isinstance(one, Text) and isinstance(other, Text):
            return choice_of(condition, one, other)
        if isinstance(one, z3.BoolRef) and isinstance(other, z3.BoolRef):
            opposite = negated(condition)
            return any_of((all_of((condition, one)), all_of((opposite, other))))
        raise NotTranslated("if … then … else between sets or entities")

    def _set(self, elements: list[Any]) -> Any:
        if elements and all(isinstance(each, Entity) for each in elements):
            return elements
        if all(isinstance(each, Text) for each in elements):
            return set_of(elements)
        raise NotTranslated("a set of neither strings nor entities")

    def _texts(self, node: Any) -> TextSet:
        found = self._value(node)
        if not isinstance(found, TextSet):
            raise NotTranslated("a set of something else than strings")
        return found

    def _entity(self, node: Any) -> Entity:
        found = self._value(node)
        if not isinstance(found, Entity):
            raise NotTranslated("an entity is expected")
        return found

    def _contains(self, one: Any, other: Any) -> z3.BoolRef:
        if isinstance(one, TextSet) and isinstance(other, Text):
            return holds(one, other)
        if isinstance(one, list) and isinstance(other, Entity):
            return any_of(self._among.same(each, other) for each in one)
        raise NotTranslated("contains on something else than strings or entities")

    def _same(self, one: Any, other: Any) -> z3.BoolRef:
        match one, other:
            case Text(), Text():
                return same_text(one, other)
            case TextSet(), TextSet():
                return same_set(one, other)
            case Entity(), Entity():
                return self._among.same(one, other)
            case z3.BoolRef(), z3.BoolRef():
                return any_of((all_of((one, other)), all_of((negated(one), negated(other)))))
        raise NotTranslated("values of different kinds are compared")
