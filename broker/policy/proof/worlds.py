"""Worlds: who may ask. The community of a bundle, and any community at all.

In the first, the recipient is one of the feeds and the originator one of the units. In the
second, both are units of any kind, country, organisation and community; a recipient is its
own originator, its colleague, or neither. That is enough: nothing but these relations, and
the strings that rules spell out, can be told apart by a rule.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import z3

from broker.model.codelists import COUNTRIES
from broker.model.codes import RecipientClass
from broker.model.community import Feed
from broker.policy.directory import Directory, country_name
from broker.policy.entities import unit_attributes
from broker.policy.proof.symbols import (
    Symbols,
    UnitSymbols,
    add_alert,
    add_context,
    implies,
    known_purposes,
)
from broker.policy.proof.values import (
    FALSE,
    TRUE,
    Text,
    TextSet,
    Value,
    all_of,
    any_of,
    same_text,
)
from broker.policy.proof.vocabulary import Vocabulary

RECEIVER, ORIGINATOR = "receiving-unit", "originating-unit"
RECEIVING_BODY, ORIGINATING_BODY = "receiving-organisation", "originating-organisation"
COMMUNITY = "some-community"


@dataclass(frozen=True)
class World:
    """Everything that a request may be.

    Attributes:
        name: For readers.
        directory: The community, or None for any.
        symbols: What may vary.
        principal: The recipient.
        originator: The alert's originator.
        present: When the recipient and the originator exist at all.
    """

    name: str
    directory: Directory | None
    symbols: Symbols
    principal: UnitSymbols
    originator: UnitSymbols
    present: z3.BoolRef = TRUE

    @property
    def is_originator(self) -> z3.BoolRef:
        """When the recipient is the originator."""
        return same_text(self.principal.id, self.originator.id)

    def value(self, name: str) -> Value:
        """Return the value called *name*, such as ``resource.tlp``."""
        return self.symbols.values[name]


def this_community(
    directory: Directory, words: Vocabulary, beside: Iterable[Directory] = ()
) -> World:
    """Return the world of the feeds and units of *directory*.

    Args:
        directory: The community.
        words: Which strings must be told apart.
        beside: Communities that a second world has, so that a request may be for either.
    """
    every = (directory, *beside)
    feeds = sorted({feed for each in every for feed in each.feeds})
    units = sorted({unit for each in every for unit in each.units})
    symbols = Symbols()
    add_alert(symbols, words, units, all_units=True)
    feed, source = symbols.choice("feed", feeds), symbols.choice("originator", units)
    asked = {name: feed.options[name] for name in directory.feeds}
    of_feed: Callable[[Callable[[Feed], str]], Text] = lambda read: _grouped(  # noqa: E731
        asked, {name: read(directory.feeds[name]) for name in asked}
    )
    operational = _grouped(
        asked, {name: str(directory.feeds[name].operational) for name in asked}
    ).options.get("True", FALSE)
    add_context(symbols, words, of_feed(lambda each: each.purpose.value), operational)
    known = {name: source.options[name] for name in directory.units}
    return World(
        name="this community",
        directory=directory,
        symbols=symbols,
        principal=_one_of(directory, of_feed(lambda each: each.unit).options),
        originator=_one_of(directory, known),
        present=all_of((any_of(asked.values()), any_of(known.values()))),
    )


def any_community(words: Vocabulary) -> World:
    """Return the world of two units, of any kind, in any relation to each other."""
    symbols = Symbols()
    units = {RECEIVER, ORIGINATOR, *words.named["Unit"]}
    extra = {RECEIVER, ORIGINATOR, RECEIVING_BODY, ORIGINATING_BODY, COMMUNITY}
    elsewhere = [name for name in sorted(COUNTRIES) if name not in words.countries][:2]
    countries = words.countries | {*elsewhere}
    wide = Vocabulary(
        literals=words.literals,
        named=words.named,
        names=words.names | extra | {country_name(code) for code in countries},
        countries=countries | {""},
        duties=words.duties,
    )
    add_alert(symbols, wide, units, all_units=False)
    purpose = symbols.choice("context.purpose", known_purposes())
    add_context(symbols, wide, purpose, symbols.truth("context.operational"))
    principal = _any_unit(symbols, "principal", wide, {RECEIVER}, {RECEIVING_BODY})
    originator = _any_unit(
        symbols, "originator", wide, {RECEIVER, ORIGINATOR}, {RECEIVING_BODY, ORIGINATING_BODY}
    )
    symbols.constraints += _agreeing(principal, originator)
    return World("any community", None, symbols, principal, originator)


def _grouped(selectors: Mapping[str, z3.BoolRef], values: Mapping[str, str]) -> Text:
    found: dict[str, list[z3.BoolRef]] = {}
    for name, value in values.items():
        found.setdefault(value, []).append(selectors[name])
    return Text({value: any_of(conditions) for value, conditions in found.items()})


def _one_of(directory: Directory, selectors: Mapping[str, z3.BoolRef]) -> UnitSymbols:
    """Return the unit that is the selected one of *selectors*, by unit id."""
    seen = {name: unit_attributes(directory, directory.units[name]) for name in selectors}
    attributes: dict[str, Value] = {}
    for attribute, sample in next(iter(seen.values()), {}).items():
        if isinstance(sample, str):
            values = {name: found[attribute] for name, found in seen.items()}
            attributes[attribute] = _grouped(selectors, values)
        else:
            sets = {name: found[attribute] for name, found in seen.items()}
            attributes[attribute] = TextSet(_members(selectors, sets))
    parents: dict[tuple[str, str], list[z3.BoolRef]] = {}
    for name, condition in selectors.items():
        unit = directory.units[name]
        parents.setdefault(("Organisation", unit.organisation), []).append(condition)
        for other in directory.names_of(unit) & set(directory.communities):
            parents.setdefault(("Community", other), []).append(condition)
    return UnitSymbols(
        id=Text(selectors),
        attributes=attributes,
        parents={parent: any_of(conditions) for parent, conditions in parents.items()},
    )


def _members(
    selectors: Mapping[str, z3.BoolRef], sets: Mapping[str, list[str]]
) -> dict[str, z3.BoolRef]:
    found: dict[str, list[z3.BoolRef]] = {}
    for name, values in sets.items():
        for value in values:
            found.setdefault(value, []).append(selectors[name])
    return {value: any_of(conditions) for value, conditions in found.items()}


def _any_unit(
    symbols: Symbols, role: str, words: Vocabulary, ids: set[str], bodies: set[str]
) -> UnitSymbols:
    kinds = [name for name in RecipientClass.__members__ if name != "UNKNOWN"]
    unit = symbols.choice(f"{role}.id", ids | words.named["Unit"])
    spelt = {word for word in words.literals if word not in words.countries}
    body = symbols.choice(f"{role}.organisation", bodies | words.named["Organisation"] | spelt)
    groups = symbols.subset(
        f"{role}.communities", {COMMUNITY, *words.named["Community"], *spelt}, closed=True
    )
    names = {
        value: any_of(
            (
                unit.options.get(value, FALSE),
                body.options.get(value, FALSE),
                groups.members.get(value, FALSE),
            )
        )
        for value in {**unit.options, **body.options, **groups.members}
    }
    country = symbols.choice(f"{role}.country", words.countries)
    names |= {country_name(code): found for code, found in country.options.items() if code}
    parents = {("Organisation", name): condition for name, condition in body.options.items()}
    parents |= {("Community", name): condition for name, condition in groups.members.items()}
    return UnitSymbols(
        id=unit,
        attributes={
            "kind": symbols.choice(f"{role}.kind", kinds),
            "organisation": body,
            "organisation_kind": symbols.choice(f"{role}.organisation_kind", kinds),
            "country": country,
            "duties": symbols.subset(f"{role}.duties", words.duties, closed=False),
            "names": TextSet(names),
        },
        parents=parents,
    )


def _agreeing(one: UnitSymbols, other: UnitSymbols) -> Iterable[z3.BoolRef]:
    """Yield that a unit that is the other looks as it does, and bodies likewise."""
    same = same_text(one.id, other.id)
    for attribute, value in one.attributes.items():
        yield from implies(same, value, other.attributes[attribute])
    for parent, condition in one.parents.items():
        theirs = other.parents.get(parent, FALSE)
        yield any_of((z3.Not(same), condition == theirs))
    body, their_body = one.attributes["organisation"], other.attributes["organisation"]
    assert isinstance(body, Text)
    assert isinstance(their_body, Text)
    kinds = one.attributes["organisation_kind"], other.attributes["organisation_kind"]
    yield from implies(same_text(body, their_body), *kinds)
