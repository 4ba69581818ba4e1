"""The alert, its moment and the unit as symbols: what may vary in a request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import z3

from broker.model.codes import Purpose
from broker.policy.actions import ANY_CONTEXT
from broker.policy.cases import ORDINARY_VIEW
from broker.policy.entities import ATTRIBUTES
from broker.policy.filled import FILLABLE, FILLED
from broker.policy.proof.errors import NotTranslated
from broker.policy.proof.values import FALSE, Text, TextSet, Value, any_of, negated
from broker.policy.proof.vocabulary import Vocabulary, codes_of, is_list_of_countries


@dataclass
class Symbols:
    """Named values that may vary, and what always holds between them.

    Variables are named, so two worlds that share names share the request.
    """

    values: dict[str, Value] = field(default_factory=dict)
    constraints: list[z3.BoolRef] = field(default_factory=list)

    def truth(self, name: str) -> z3.BoolRef:
        """Add something that holds or does not."""
        found: z3.BoolRef = z3.Bool(name)
        self.values[name] = found
        return found

    def choice(self, name: str, values: Iterable[str]) -> Text:
        """Add a text that is one of *values*."""
        text = Text({value: z3.Bool(f"{name}={value}") for value in sorted(set(values))})
        self.constraints.append(exactly_one(list(text.options.values())))
        self.values[name] = text
        return text

    def subset(self, name: str, values: Iterable[str], *, closed: bool) -> TextSet:
        """Add a set of any of *values*, and, where it is not *closed*, of others."""
        members = {value: z3.Bool(f"{name}∋{value}") for value in sorted(set(values))}
        found = TextSet(members, FALSE if closed else z3.Bool(f"{name}∋…"))
        self.values[name] = found
        return found


@dataclass(frozen=True)
class UnitSymbols:
    """A unit that may be one of several.

    Attributes:
        id: Its id.
        attributes: As rules see them.
        parents: When it is in each organisation and community, by entity type and id.
    """

    id: Text
    attributes: Mapping[str, Value]
    parents: Mapping[tuple[str, str], z3.BoolRef]


def exactly_one(conditions: list[z3.BoolRef]) -> z3.BoolRef:
    """Return that one of *conditions* holds and no other."""
    pairs = (
        z3.Or(z3.Not(one), z3.Not(other))
        for index, one in enumerate(conditions)
        for other in conditions[index + 1 :]
    )
    return z3.And(z3.Or(conditions), *pairs)


def add_alert(
    symbols: Symbols, words: Vocabulary, units: Iterable[str], *, all_units: bool
) -> None:
    """Add every attribute of an alert but its originator.

    Args:
        symbols: Where to add them.
        words: Which strings must be told apart.
        units: Ids of units: the broker drops every other name from ``named_recipients``.
        all_units: Whether no other unit exists.
    """
    symbols.subset(f"resource.{FILLED}", FILLABLE, closed=True)
    for attribute in ATTRIBUTES:
        name, codes = f"resource.{attribute}", codes_of(attribute)
        plural = isinstance(ORDINARY_VIEW[attribute], tuple)
        if codes is not None and plural:
            symbols.subset(name, codes.__members__, closed=True)
        elif codes is not None:
            symbols.choice(name, codes.__members__)
        elif not plural:
            raise NotTranslated(f"{attribute} is any one string")
        elif attribute == "named_recipients":
            # Whatever else is called so is no unit: the broker drops it before rules see it.
            _never(symbols, name, symbols.subset(name, units, closed=all_units), words)
        else:
            _never(symbols, name, symbols.subset(name, _free(attribute, words), closed=False))


def _never(symbols: Symbols, name: str, found: TextSet, words: Vocabulary | None = None) -> None:
    """Add to a set the members that it never has: no country, and names that are dropped."""
    dropped = words.names | words.countries | words.literals if words else frozenset()
    members = dict.fromkeys((*dropped, ""), FALSE) | dict(found.members)
    symbols.values[name] = TextSet(members, found.other)


def _free(attribute: str, words: Vocabulary) -> Iterable[str]:
    if is_list_of_countries(attribute):
        return words.countries - {""}
    return (words.names | words.countries | words.literals) - {""}


def add_context(symbols: Symbols, words: Vocabulary, purpose: Text, operational: Any) -> None:
    """Add a request's context: of the feed as given, and any facts of the moment."""
    symbols.values["context.purpose"] = purpose
    symbols.values["context.operational"] = operational
    for name, sample in ANY_CONTEXT.items():
        full = f"context.{name}"
        if full in symbols.values:
            continue
        if isinstance(sample, bool):
            symbols.truth(full)
        elif isinstance(sample, list | tuple):
            symbols.subset(full, words.literals, closed=False)
        else:
            raise NotTranslated(f"context.{name} is neither a truth nor a set")


def known_purposes() -> list[str]:
    """Return the purposes that a feed may have."""
    return [name for name in Purpose.__members__ if name != "UNKNOWN"]


def implies(condition: z3.BoolRef, one: Value, other: Value) -> Iterable[z3.BoolRef]:
    """Yield that two values are the same where *condition* holds."""
    pairs = _options(one), _options(other)
    for value in {**pairs[0], **pairs[1]}:
        mine, theirs = pairs[0].get(value, FALSE), pairs[1].get(value, FALSE)
        yield any_of((negated(condition), mine == theirs))


def _options(value: Value) -> Mapping[str, z3.BoolRef]:
    if isinstance(value, Text):
        return value.options
    if isinstance(value, TextSet):
        return {**value.members, "…": value.other}
    return {"": value}
