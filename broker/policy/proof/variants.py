"""Variants of a rule: one part of its condition taken as given, or left out.

A part loosens a rule where the rules would release more with it: a condition of a permit
that is dropped, an alternative of a forbid that is dropped, a forbid without its condition's
exception the other way round. ``unless`` and ``not`` turn the direction.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cedarpy import pst

from broker.policy.reading.conditions import short
from broker.policy.rules import Rule


@dataclass(frozen=True)
class Variant:
    """One rule, changed in one place.

    Attributes:
        rule: The changed rule; None where it is left out as a whole.
        of: The id of the rule.
        what: What was changed, in the words of the rule.
        loosens: Whether the rules can only release more with it, not less.
        drops: Whether an alternative was left out: one of ``||``, of a list, of the actions.
    """

    rule: Rule | None
    of: str
    what: str
    loosens: bool
    drops: bool

    @property
    def name(self) -> str:
        """Its name: the rule and the change."""
        return f"{self.of}: {self.what}"


def variants_of(rule: Rule) -> Iterator[Variant]:
    """Yield every variant of *rule*."""
    if not rule.permits:
        yield Variant(None, rule.id, "left out", loosens=True, drops=False)
    yield from _without_actions(rule)
    clauses = rule.template.clauses
    for index, clause in enumerate(clauses):
        upward = rule.permits == isinstance(clause, pst.When)
        for node, what, loosens, drops in _changed(clause.expr, upward=upward):
            changed = (*clauses[:index], type(clause)(node), *clauses[index + 1 :])
            yield Variant(_with(rule, clauses=changed), rule.id, what, loosens, drops)


def _without_actions(rule: Rule) -> Iterator[Variant]:
    scope = rule.template.action
    if isinstance(scope, pst.ActionIn) and len(scope.entities) > 1:
        for left_out in scope.entities:
            kept = tuple(each for each in scope.entities if each != left_out)
            changed = _with(rule, action=pst.ActionIn(kept))
            yield Variant(changed, rule.id, f"without {left_out.id}", not rule.permits, drops=True)


def _with(rule: Rule, **parts: Any) -> Rule:
    return Rule(rule.id, rule.file, replace(rule.template, **parts))


_Change = tuple[Any, str, bool, bool]


def _changed(node: Any, *, upward: bool) -> Iterator[_Change]:
    """Yield *node* with one change, what it is, whether it loosens, whether it drops.

    Args:
        node: A condition.
        upward: Whether more is released where the condition holds more often.
    """
    if isinstance(node, pst.UnaryOp) and node.op == "not":
        for arg, what, loosens, drops in _changed(node.arg, upward=not upward):
            yield pst.UnaryOp("not", arg), what, loosens, drops
    elif isinstance(node, pst.BinaryOp) and node.op in ("and", "or"):
        yield from _side(node, "left", upward=upward)
        yield from _side(node, "right", upward=upward)
    else:
        yield from _leaf(node, upward=upward)


def _side(node: pst.BinaryOp, side: str, *, upward: bool) -> Iterator[_Change]:
    for part, what, loosens, drops in _changed(getattr(node, side), upward=upward):
        dropped = drops or (node.op == "or" and part == pst.BoolLit(value=False))
        yield _with_side(node, side, part), what, loosens, dropped


def _leaf(node: Any, *, upward: bool) -> Iterator[_Change]:
    said = short(node)
    yield pst.BoolLit(value=True), f"as if {said}", upward, False
    yield pst.BoolLit(value=False), f"as if never {said}", not upward, False
    if not isinstance(node, pst.BinaryOp) or node.op not in ("contains", "contains_any"):
        return
    for side in ("left", "right"):
        listed = getattr(node, side)
        if isinstance(listed, pst.Set) and len(listed.elements) > 1:
            for left_out in listed.elements:
                kept = pst.Set(tuple(each for each in listed.elements if each != left_out))
                what = f"without {short(left_out)} in {said}"
                yield _with_side(node, side, kept), what, not upward, True


def _with_side(node: pst.BinaryOp, side: str, part: Any) -> pst.BinaryOp:
    return pst.BinaryOp(
        node.op, part if side == "left" else node.left, part if side == "right" else node.right
    )
