"""One fact that a rule asks for, as a sentence, and what it says when it does not hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cedarpy import pst

from broker.policy.reading.conditions import short
from broker.policy.reading.nouns import Noun, is_fact, noun_of


class NotPhrased(Exception):
    """There is no sentence for a construct; it stands in Cedar's own form in the message."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence, with what it says when it does not hold."""

    text: str
    otherwise: str


def fact_of(expr: Any) -> Fact:
    """Return the sentence of *expr*, a condition without and, or, not.

    Raises:
        NotPhrased: There are no words for it.
    """
    if isinstance(expr, pst.GetAttr) and is_fact(path_of(expr)):
        noun = noun_of(path_of(expr))
        return Fact(noun.text, noun.otherwise)
    if isinstance(expr, pst.UnaryOp) and expr.op == "is_empty":
        noun = noun_of(path_of(expr.arg))
        return Fact(f"{noun.text} {noun.verb} not given", f"{noun.text} {noun.verb} given")
    write = _WRITERS.get(expr.op) if isinstance(expr, pst.BinaryOp) else None
    if write is None:
        raise NotPhrased(short(expr))
    return write(expr.left, expr.right)


def _equal(left: Any, right: Any) -> Fact:
    noun = noun_of(path_of(left))
    other = _value(right)
    return Fact(f"{noun.text} {noun.verb} {other}", f"{noun.text} {noun.verb} not {other}")


def _unequal(left: Any, right: Any) -> Fact:
    fact = _equal(left, right)
    return Fact(fact.otherwise, fact.text)


def _contains(left: Any, right: Any) -> Fact:
    if isinstance(left, pst.Set) and not isinstance(right, pst.StringLit):
        return _one_of(noun_of(path_of(right)), [_value(each) for each in left.elements])
    if isinstance(left, pst.Set):
        nouns = [_value(each) for each in left.elements]
        code = _value(right)
        return Fact(f"{_either(nouns)} is {code}", f"neither {' nor '.join(nouns)} is {code}")
    noun, item = noun_of(path_of(left)), _value(right)
    return Fact(f"{noun.text} {noun.has} {item}", f"{noun.text} {noun.has_not} {item}")


def _one_of(noun: Noun, codes: list[str]) -> Fact:
    if len(codes) == 1:
        words, none = codes[0], f"not {codes[0]}"
    elif len(codes) == 2:
        words, none = " or ".join(codes), f"neither {' nor '.join(codes)}"
    else:
        words, none = f"one of {_either(codes)}", f"none of {_either(codes)}"
    return Fact(f"{noun.text} {noun.verb} {words}", f"{noun.text} {noun.verb} {none}")


def _overlap(left: Any, right: Any) -> Fact:
    noun = noun_of(path_of(left))
    if isinstance(right, pst.Set):
        any_of = _either([_value(each) for each in right.elements])
    else:
        any_of = f"any of {noun_of(path_of(right)).text}"
    return Fact(f"{noun.text} {noun.has} {any_of}", f"{noun.text} {noun.has_not} {any_of}")


def _cover(left: Any, right: Any) -> Fact:
    noun = noun_of(path_of(left))
    if isinstance(right, pst.Set):
        all_of = " and ".join(_value(each) for each in right.elements)
    else:
        all_of = f"all of {noun_of(path_of(right)).text}"
    return Fact(f"{noun.text} {noun.has} {all_of}", f"{noun.text} {noun.has_not} {all_of}")


_WRITERS: dict[str, Callable[[Any, Any], Fact]] = {
    "eq": _equal,
    "not_eq": _unequal,
    "contains": _contains,
    "contains_any": _overlap,
    "contains_all": _cover,
    "in": lambda left, right: Fact(
        f"{_value(left)} belongs to {_value(right)}",
        f"{_value(left)} does not belong to {_value(right)}",
    ),
}


def _value(expr: Any) -> str:
    """Return what is compared: a code as it is, a part of the request by its noun."""
    if isinstance(expr, pst.StringLit):
        return str(expr.value)
    if isinstance(expr, pst.LongLit):
        return str(expr.value)
    if isinstance(expr, pst.EntityLit):
        return str(expr.value.id).removeprefix("see_")
    return noun_of(path_of(expr)).text


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def path_of(expr: Any) -> str:
    """Return the path of an attribute, such as ``resource.originator.kind``.

    Raises:
        NotPhrased: It is none.
    """
    if isinstance(expr, pst.Var):
        return str(expr.name)
    if isinstance(expr, pst.GetAttr):
        return f"{path_of(expr.base)}.{expr.attr}"
    raise NotPhrased(short(expr))
