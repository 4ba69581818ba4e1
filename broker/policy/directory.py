"""Read the community file: who exists, who publishes, the feeds by which units receive, roles.

Every name that another entry uses must exist; anything unknown stops the bundle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from broker.errors import BundleInvalid, Rejected
from broker.model.community import Community, ConnectorReference, Feed, Organisation, Role, Unit
from broker.policy.files import read_bytes, tables_in, text_of
from broker.wire.refusal import validated

M = TypeVar("M", bound=BaseModel)

#: How the name of a country begins, in lists of an alert; no id may.
_COUNTRY = "country-"

_TABLES: dict[str, type[BaseModel]] = {
    "communities": Community,
    "organisations": Organisation,
    "units": Unit,
    "feeds": Feed,
    "roles": Role,
}


@dataclass(frozen=True, slots=True)
class Directory:
    """A community, by id.

    Attributes:
        feeds: The active feeds: those that decisions are made for.
        suspended: Those that receive nothing any more. What they hold can still be recalled, so
            their topics stay, and their readers' rights.
        roles: What a credential may be narrowed to; decisions never see them.
    """

    communities: Mapping[str, Community]
    organisations: Mapping[str, Organisation]
    units: Mapping[str, Unit]
    feeds: Mapping[str, Feed]
    roles: Mapping[str, Role] = field(default_factory=dict)
    suspended: Mapping[str, Feed] = field(default_factory=dict)

    @property
    def listed(self) -> dict[str, Feed]:
        """Every feed of the community, active or suspended."""
        return {**self.feeds, **self.suspended}

    def names_of(self, unit: Unit) -> frozenset[str]:
        """Return every id that means *unit*: its own, its organisation's, its communities'."""
        organisation = self.organisations[unit.organisation]
        return frozenset((unit.id, unit.organisation, *unit.communities, *organisation.communities))

    def answers_to(self, unit: Unit) -> frozenset[str]:
        """Return every name that a list of an alert may mean *unit* by: its country, too.

        A country is ``country-`` and its code in lower case. It is no community, as units of one
        country need not know of each other (docs/decisions/0013).
        """
        country = unit.country or self.organisations[unit.organisation].country
        names = self.names_of(unit)
        return names | {country_name(country)} if country else names

    def countries(self) -> frozenset[str]:
        """Return the names of all countries that anybody here is of."""
        members: list[Organisation | Unit] = [*self.organisations.values(), *self.units.values()]
        return frozenset(country_name(member.country) for member in members if member.country)

    def publishers(self) -> list[str]:
        """Return the ids of the units that publish, sorted."""
        return sorted(unit.id for unit in self.units.values() if unit.publishes)


def country_name(country: str) -> str:
    """Return how the lists of an alert call a country, by its ISO 3166-1 alpha-2 code."""
    return f"{_COUNTRY}{country.lower()}"


def read_directory(file: Path) -> Directory:
    """Read the community file *file*.

    Raises:
        BundleInvalid: It cannot be read, or names something that does not exist.
    """
    return directory_in(file, text_of(file, read_bytes(file)))


def directory_in(file: Path, text: str) -> Directory:
    """Return the community that *text* describes; *file* is its file.

    Raises:
        BundleInvalid: It is no TOML, or names something that does not exist.
    """
    tables = tables_in(file, text)
    findings = [f"unknown table {name}" for name in sorted(set(tables) - set(_TABLES))]
    communities = _table(tables, "communities", Community, findings)
    organisations = _table(tables, "organisations", Organisation, findings)
    units = _table(tables, "units", Unit, findings)
    feeds = _table(tables, "feeds", Feed, findings)
    roles = _table(tables, "roles", Role, findings)
    findings += _unknown_names(communities, organisations, units, feeds)
    findings += _unknown_codes(organisations, units, feeds)
    if findings:
        raise BundleInvalid([f"{file.name}: {finding}" for finding in findings])
    active = {feed.id: feed for feed in feeds.values() if feed.state == "active"}
    suspended = {feed.id: feed for feed in feeds.values() if feed.id not in active}
    return Directory(communities, organisations, units, active, roles, suspended)


def with_connectors(directory: Directory, overlay: Mapping[str, Any]) -> Directory:
    """Return *directory* with the connectors that a deployment sets for its feeds.

    Connectors are the operator's and not policy: they are no part of the bundle's digest.

    Args:
        directory: The community.
        overlay: Feed id to ``{type, settings}``.

    Raises:
        BundleInvalid: A feed does not exist, or a reference does not fit.
    """
    feeds = directory.listed
    findings = []
    for feed_id, reference in overlay.items():
        if feed_id not in feeds:
            findings.append(f"connectors: no feed is called {feed_id}")
            continue
        try:
            connector = validated(ConnectorReference, reference, feed_id)
        except Rejected as rejected:
            findings.append(f"connectors: {rejected}")
            continue
        feeds[feed_id] = feeds[feed_id].model_copy(update={"connector": connector})
    if findings:
        raise BundleInvalid(findings)
    active = {name: feed for name, feed in feeds.items() if name in directory.feeds}
    suspended = {name: feed for name, feed in feeds.items() if name in directory.suspended}
    return replace(directory, feeds=active, suspended=suspended)


def _table(tables: dict[str, Any], name: str, model: type[M], findings: list[str]) -> dict[str, M]:
    found: dict[str, M] = {}
    rows = tables.get(name, [])
    if not isinstance(rows, list):
        findings.append(f"{name}: each entry starts with [[{name}]]")
        return found
    for index, row in enumerate(rows):
        try:
            entry = validated(model, row, f"{name}[{_name_in(row, index)}]")
        except Rejected as rejected:
            findings.append(str(rejected))
            continue
        entry_id = str(entry.id)  # type: ignore[attr-defined]
        if entry_id in found:
            findings.append(f"{name}: {entry_id} appears twice")
        found[entry_id] = entry
    return found


def _name_in(row: Any, index: int) -> str:
    entry_id = row.get("id") if isinstance(row, dict) else None
    return entry_id if isinstance(entry_id, str) and entry_id.isprintable() else str(index)


def _unknown_codes(
    organisations: dict[str, Organisation], units: dict[str, Unit], feeds: dict[str, Feed]
) -> list[str]:
    """Return who is of UNKNOWN kind or purpose: it would equal an alert's unknown values."""
    members: list[Organisation | Unit] = [*organisations.values(), *units.values()]
    findings = [f"{m.id}: its kind is UNKNOWN" for m in members if m.kind.value == "UNKNOWN"]
    return findings + [
        f"{feed.id}: its purpose is UNKNOWN"
        for feed in feeds.values()
        if feed.purpose.value == "UNKNOWN"
    ]


def _unknown_names(
    communities: dict[str, Community],
    organisations: dict[str, Organisation],
    units: dict[str, Unit],
    feeds: dict[str, Feed],
) -> list[str]:
    findings = []
    members: list[Organisation | Unit] = [*organisations.values(), *units.values()]
    for member in members:
        findings += [
            f"{member.id}: no community is called {name}"
            for name in member.communities
            if name not in communities
        ]
    for unit in units.values():
        if unit.organisation not in organisations:
            findings.append(f"{unit.id}: no organisation is called {unit.organisation}")
    for feed in feeds.values():
        if feed.unit not in units:
            findings.append(f"{feed.id}: no unit is called {feed.unit}")
    ids = [*communities, *organisations, *units]
    findings += [f"{name}: only countries begin so" for name in ids if name.startswith(_COUNTRY)]
    findings += [
        f"{name}: one id, one thing; it names two"
        for name in sorted(set(ids))
        if ids.count(name) > 1
    ]
    return findings
