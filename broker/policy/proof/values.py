"""Values of Cedar expressions as formulas: truths, texts, sets of texts.

A text is one of finitely many strings, each with the condition under which it is the value;
a set has a condition for each member that it may have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import z3

from broker.policy.proof.errors import NotTranslated

TRUE: z3.BoolRef = z3.BoolVal(True)
FALSE: z3.BoolRef = z3.BoolVal(False)


@dataclass(frozen=True)
class Text:
    """A string: exactly one of the options holds."""

    options: Mapping[str, z3.BoolRef]


@dataclass(frozen=True)
class TextSet:
    """A set of strings.

    Attributes:
        members: When each string is in it.
        other: When it holds a string that *members* does not name.
    """

    members: Mapping[str, z3.BoolRef]
    other: z3.BoolRef = FALSE


Value = z3.BoolRef | Text | TextSet


def _constant(part: z3.BoolRef) -> bool | None:
    """Return what *part* is if it is a constant: asked of Z3 once, and not by three calls."""
    found = z3.Z3_get_bool_value(part.ctx_ref(), part.as_ast())
    return None if found == z3.Z3_L_UNDEF else bool(found == z3.Z3_L_TRUE)


def any_of(parts: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """Return the disjunction of *parts*, constants folded."""
    told = [(part, _constant(part)) for part in parts]
    if any(constant for _, constant in told):
        return TRUE
    kept = [part for part, constant in told if constant is None]
    return kept[0] if len(kept) == 1 else z3.Or(kept) if kept else FALSE


def all_of(parts: Iterable[z3.BoolRef]) -> z3.BoolRef:
    """Return the conjunction of *parts*, constants folded."""
    told = [(part, _constant(part)) for part in parts]
    if any(constant is False for _, constant in told):
        return FALSE
    kept = [part for part, constant in told if constant is None]
    return kept[0] if len(kept) == 1 else z3.And(kept) if kept else TRUE


def negated(part: z3.BoolRef) -> z3.BoolRef:
    """Return the negation of *part*, constants folded."""
    if z3.is_true(part):
        return FALSE
    return TRUE if z3.is_false(part) else z3.Not(part)


def literal(value: str) -> Text:
    """Return the text that is always *value*."""
    return Text({value: TRUE})


def choice_of(condition: z3.BoolRef, one: Text, other: Text) -> Text:
    """Return *one* where *condition* holds and *other* where it does not."""
    opposite = negated(condition)
    return Text(
        {
            value: any_of(
                (
                    all_of((condition, one.options.get(value, FALSE))),
                    all_of((opposite, other.options.get(value, FALSE))),
                )
            )
            for value in {**one.options, **other.options}
        }
    )


def same_text(one: Text, other: Text) -> z3.BoolRef:
    """Return when two texts are equal."""
    return any_of(
        all_of((condition, other.options[value]))
        for value, condition in one.options.items()
        if value in other.options
    )


def set_of(texts: Iterable[Text]) -> TextSet:
    """Return the set that holds *texts*."""
    found: dict[str, list[z3.BoolRef]] = {}
    for text in texts:
        for value, condition in text.options.items():
            found.setdefault(value, []).append(condition)
    return TextSet({value: any_of(conditions) for value, conditions in found.items()})


def holds(one: TextSet, text: Text) -> z3.BoolRef:
    """Return when the set holds *text*."""
    _refuse_unseen(one, text.options)
    return any_of(
        all_of((condition, one.members[value]))
        for value, condition in text.options.items()
        if value in one.members
    )


def overlap(one: TextSet, other: TextSet) -> z3.BoolRef:
    """Return when two sets share a member."""
    _refuse_both_open(one, other)
    return any_of(
        all_of((condition, other.members[value]))
        for value, condition in one.members.items()
        if value in other.members
    )


def covers(one: TextSet, other: TextSet) -> z3.BoolRef:
    """Return when *one* holds every member of *other*."""
    _refuse_both_open(one, other)
    each = (
        any_of((negated(condition), one.members.get(value, FALSE)))
        for value, condition in other.members.items()
    )
    return all_of((*each, negated(other.other)))


def is_empty(one: TextSet) -> z3.BoolRef:
    """Return when a set has no member."""
    return negated(any_of((*one.members.values(), one.other)))


def same_set(one: TextSet, other: TextSet) -> z3.BoolRef:
    """Return when two sets have the same members."""
    return all_of((covers(one, other), covers(other, one)))


def _refuse_unseen(one: TextSet, values: Iterable[str]) -> None:
    """Refuse values that may be in *one* without having a condition of their own."""
    unseen = sorted(value for value in values if value not in one.members)
    if unseen and not z3.is_false(one.other):
        raise NotTranslated(f"a set is asked for {unseen[0]}, which it does not tell apart")


def _refuse_both_open(one: TextSet, other: TextSet) -> None:
    _refuse_unseen(one, other.members)
    _refuse_unseen(other, one.members)
    if not (z3.is_false(one.other) or z3.is_false(other.other)):
        raise NotTranslated("two sets are compared whose members are not all known")
