"""Conditions of rules, shortly in Cedar's own form and at length in words."""

from collections.abc import Callable
from typing import Any

from cedarpy import pst

_INFIX = {"eq": "==", "not_eq": "!=", "and": "&&", "or": "||", "in": "in"}
_CALLS = {"contains": "contains", "contains_all": "containsAll", "contains_any": "containsAny"}


def short(node: Any) -> str:
    """Return *node* as Cedar writes it, on one line."""
    write = _WRITERS.get(type(node))
    return write(node) if write else type(node).__name__


def _binary(node: pst.BinaryOp) -> str:
    left, right = short(node.left), short(node.right)
    if node.op in _INFIX:
        return f"{left} {_INFIX[node.op]} {right}"
    return f"{left}.{_CALLS.get(node.op, node.op)}({right})"


def _unary(node: pst.UnaryOp) -> str:
    if node.op == "not":
        return f"!({short(node.arg)})"
    return f"{short(node.arg)}.{'isEmpty' if node.op == 'is_empty' else node.op}()"


_WRITERS: dict[type, Callable[[Any], str]] = {
    pst.BinaryOp: _binary,
    pst.UnaryOp: _unary,
    pst.BoolLit: lambda node: "true" if node.value else "false",
    pst.StringLit: lambda node: f'"{node.value}"',
    pst.LongLit: lambda node: str(node.value),
    pst.EntityLit: lambda node: str(node.value),
    pst.Var: lambda node: str(node.name),
    pst.GetAttr: lambda node: f"{short(node.base)}.{node.attr}",
    pst.HasAttr: lambda node: f"{short(node.base)} has {'.'.join(node.attrs)}",
    pst.Set: lambda node: "[" + ", ".join(short(each) for each in node.elements) + "]",
    pst.Is: lambda node: f"{short(node.base)} is {node.entity_type}",
    pst.IfThenElse: lambda node: (
        f"if {short(node.cond)} then {short(node.then_expr)} else {short(node.else_expr)}"
    ),
}
