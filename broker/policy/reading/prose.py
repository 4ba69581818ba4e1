"""Conditions of rules as sentences: what must be so, one fact a line, in the field's words.

What is known beforehand (which unit receives, for what) can be put in: facts that hold then are
left out, and a condition that cannot hold any more is said to be one. Codes stay codes: they are
what an alert's form and its documents show.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cedarpy import pst

from broker.policy.reading.phrases import Fact, NotPhrased, fact_of, path_of

#: What is known of a request: by path, such as ``principal.kind``; a code, a set or a truth.
Known = Mapping[str, object]


#: What stands for a condition that can never hold.
NEVER = ["- never"]


@dataclass(frozen=True, slots=True)
class Joined:
    """Several conditions, of which all must hold, or one."""

    all: bool
    parts: tuple["Condition", ...]


Condition = Fact | Joined | bool


def condition_of(expr: Any, known: Known | None = None, *, holds: bool = True) -> Condition:
    """Return what *expr* asks for, so that it *holds* or does not.

    Args:
        expr: A condition of a rule.
        known: What is settled; facts about it are left out.
        holds: Whether it is to hold.

    Raises:
        NotPhrased: It has a construct that there are no words for.
    """
    known = known or {}
    if isinstance(expr, pst.BoolLit):
        return bool(expr.value) is holds
    if isinstance(expr, pst.UnaryOp) and expr.op == "not":
        return condition_of(expr.arg, known, holds=not holds)
    if isinstance(expr, pst.BinaryOp) and expr.op in ("and", "or"):
        needs_all = (expr.op == "and") is holds
        sides = [condition_of(each, known, holds=holds) for each in (expr.left, expr.right)]
        return _joined(needs_all, sides)
    settled = _settled(expr, known)
    if settled is not None:
        return settled is holds
    fact = fact_of(expr)
    return fact if holds else Fact(fact.otherwise, fact.text)


def condition_of_rule(template: pst.Template, known: Known | None = None) -> Condition:
    """Return all that a rule asks for: what it says after when, and not what after unless.

    Raises:
        NotPhrased: It has a construct that there are no words for.
    """
    sides = [_scope(template.principal)]
    sides += [
        condition_of(clause.expr, known, holds=isinstance(clause, pst.When))
        for clause in template.clauses
    ]
    return _joined(True, sides)


def _scope(scope: Any) -> Condition:
    """Return what a rule asks of the recipient before it asks anything else."""
    if isinstance(scope, pst.ScopeAny):
        return True
    if isinstance(scope, pst.ScopeEq | pst.ScopeIn) and isinstance(scope.entity, pst.EntityUid):
        name, is_eq = scope.entity.id, isinstance(scope, pst.ScopeEq)
        says = ("is", "is not") if is_eq else ("belongs to", "does not belong to")
        return Fact(*(f"the recipient {word} {name}" for word in says))
    raise NotPhrased(type(scope).__name__)


def sentences(condition: Condition, depth: int = 0) -> Iterator[str]:
    """Yield the lines of *condition*, each indented by two blanks for each level."""
    margin = "  " * depth
    if isinstance(condition, bool):
        yield f"{margin}- {'always' if condition else 'never'}"
    elif isinstance(condition, Fact):
        yield f"{margin}- {condition.text}"
    else:
        yield f"{margin}- {'all of these hold' if condition.all else 'one of these holds'}:"
        for part in condition.parts:
            yield from sentences(part, depth + 1)


def _joined(needs_all: bool, sides: list[Condition]) -> Condition:  # noqa: FBT001
    parts: list[Condition] = []
    for side in sides:
        if isinstance(side, bool):
            if side is not needs_all:
                return side  # one that never holds, of all; one that always does, of any
        elif isinstance(side, Joined) and side.all is needs_all:
            parts += side.parts
        else:
            parts.append(side)
    if not parts:
        return needs_all
    return parts[0] if len(parts) == 1 else Joined(needs_all, tuple(parts))


def _settled(expr: Any, known: Known) -> bool | None:
    """Return whether *expr* holds by what is *known*; None where that does not say."""
    if isinstance(expr, pst.GetAttr):
        truth = known.get(path_of(expr))
        return truth if isinstance(truth, bool) else None
    if not isinstance(expr, pst.BinaryOp) or expr.op not in _COMPARE:
        return None
    left, right = _literal(expr.left, known), _literal(expr.right, known)
    return None if left is None or right is None else _COMPARE[expr.op](left, right)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: bool(one == other),
    "not_eq": lambda one, other: bool(one != other),
    "contains": lambda one, other: other in one,
    "contains_any": lambda one, other: not set(one).isdisjoint(other),
    "contains_all": lambda one, other: set(other) <= set(one),
}


def _literal(expr: Any, known: Known) -> object | None:
    if isinstance(expr, pst.StringLit):
        return str(expr.value)
    if isinstance(expr, pst.Set):
        found = [_literal(each, known) for each in expr.elements]
        return None if None in found else frozenset(found)
    if isinstance(expr, pst.GetAttr | pst.Var):
        return known.get(path_of(expr))
    return None
