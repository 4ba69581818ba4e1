"""Which strings a world must tell apart: codes, names, countries, and what rules spell out.

Strings that nothing compares with are alike: one of them stands for all. So finitely many
are enough, and what holds of these holds of every string.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cedarpy import pst

from broker.model.codelists import COUNTRIES
from broker.policy.directory import Directory
from broker.policy.entities import ATTRIBUTES
from broker.policy.rules import children


@dataclass(frozen=True)
class Vocabulary:
    """The strings that matter.

    Attributes:
        literals: Strings that rules spell out and no code list knows.
        named: Units, organisations and communities that rules spell out, by type.
        names: Ids in the communities at hand.
        countries: Countries in the communities at hand or spelt out by rules.
        duties: The same for duties.
    """

    literals: frozenset[str]
    named: dict[str, frozenset[str]]
    names: frozenset[str]
    countries: frozenset[str]
    duties: frozenset[str]


def vocabulary(
    templates: Iterable[pst.Template], directories: Iterable[Directory] = ()
) -> Vocabulary:
    """Return what *templates* and *directories* speak of."""
    spelt, named = _spelt(templates)
    known = {code for codes in ATTRIBUTES.values() if codes for code in codes.__members__}
    literals = spelt - known
    countries = {word for word in literals if word in COUNTRIES}
    names: set[str] = set()
    duties: set[str] = set()
    for directory in directories:
        names.update((*directory.units, *directory.organisations, *directory.communities))
        names.update(directory.countries())
        countries.update(unit.country or "" for unit in directory.units.values())
        countries.update(body.country or "" for body in directory.organisations.values())
        duties.update(duty for unit in directory.units.values() for duty in unit.duties)
    return Vocabulary(
        literals=frozenset(literals),
        named=named,
        names=frozenset(names.union(*named.values())),
        countries=frozenset(countries) - {""},
        duties=frozenset(duties | literals),
    )


def codes_of(attribute: str) -> type[StrEnum] | None:
    """Return the code list of an attribute of the alert; None where values are free."""
    return ATTRIBUTES[attribute]


def is_list_of_countries(attribute: str) -> bool:
    """Whether the values of a free list are countries; otherwise they are names."""
    return attribute.startswith("countries")


def _spelt(templates: Iterable[pst.Template]) -> tuple[set[str], dict[str, frozenset[str]]]:
    strings: set[str] = set()
    named: dict[str, set[str]] = {"Unit": set(), "Organisation": set(), "Community": set()}
    for template in templates:
        for uid in pst.entity_uids(template):
            if uid.type.basename in named:
                named[uid.type.basename].add(uid.id)
        strings.update(_strings(template.clauses))
    return strings, {kind: frozenset(found) for kind, found in named.items()}


def _strings(node: Any) -> Iterable[str]:
    if isinstance(node, pst.StringLit):
        yield node.value
    for child in children(node):
        yield from _strings(child)
