"""Which compartments an alert fills, as rules see it: that they hold something, and not what.

Rules that name two of fifteen compartments can tell four alerts of one label apart, and not
thirty thousand; decisions are kept for as many.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from cedarpy import pst

from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS, compartments_in, mask_of
from broker.policy.rules import Rule, children

#: The alert's attribute that holds the names of the compartments that are filled.
FILLED = "filled"

#: What can stand in it.
FILLABLE: tuple[str, ...] = tuple(name.value for name in COMPARTMENTS)


def filled_names(mask: int) -> list[str]:
    """Return the names of the compartments in *mask*, as rules see them."""
    return [name.value for name in compartments_in(mask)]


def told_apart(rules: Iterable[Rule]) -> int:
    """Return the mask of the compartments whose being filled can change what *rules* decide."""
    mask = 0
    for rule in rules:
        if rule.reads.resource_whole:
            return ALL_COMPARTMENTS
        for clause in rule.template.clauses:
            for named in _asked(clause.expr):
                mask |= ALL_COMPARTMENTS if named is None else _mask(named)
    return mask


def _asked(node: Any) -> Iterator[frozenset[str] | None]:
    """Yield the names that are looked for among the filled; None for any other use of them."""
    match node:
        case pst.BinaryOp(
            op="contains" | "contains_any" | "contains_all",
            left=pst.GetAttr(base=pst.Var(name="resource"), attr="filled"),
            right=right,
        ):
            yield _literals(right)
        case pst.GetAttr(base=pst.Var(name="resource"), attr="filled"):
            yield None
        case _:
            for child in children(node):
                yield from _asked(child)


def _literals(node: Any) -> frozenset[str] | None:
    if isinstance(node, pst.StringLit):
        return frozenset((node.value,))
    if not isinstance(node, pst.Set):
        return None
    found = [each.value for each in node.elements if isinstance(each, pst.StringLit)]
    return frozenset(found) if len(found) == len(node.elements) else None


def _mask(names: frozenset[str]) -> int:
    return mask_of(name for name in COMPARTMENTS if name.value in names)
