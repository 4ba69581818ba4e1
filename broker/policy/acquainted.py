"""What an originator may know of a recipient (docs/decisions/0013)."""

from enum import StrEnum

from broker.model.codes import RecipientClass
from broker.model.community import Unit
from broker.policy.directory import Directory


class Acquaintance(StrEnum):
    """How a recipient appears to an originator."""

    NAMED = "named"
    """By feed and unit, with all that was decided."""
    DESCRIBED = "described"
    """By class, country and purpose, with what was decided."""
    COUNTED = "counted"
    """By class and number, with what may be seen at most."""


def acquaintance(directory: Directory, originator: str, recipient: str) -> Acquaintance:
    """Return how unit *recipient* appears to unit *originator* in a dry run."""
    asks, asked = directory.units.get(originator), directory.units.get(recipient)
    if asks is None or asked is None:
        return Acquaintance.COUNTED
    if asks.organisation == asked.organisation:
        return Acquaintance.NAMED
    if is_civil_society(directory, asks):
        return Acquaintance.COUNTED
    shared = directory.names_of(asks) & directory.names_of(asked)
    return Acquaintance.NAMED if shared else Acquaintance.DESCRIBED


def known_names(directory: Directory, originator: str) -> frozenset[str]:
    """Return the ids that *originator* may know: units, their organisations, communities."""
    asks = directory.units.get(originator)
    if asks is None:
        return frozenset()
    named = [
        unit
        for unit in directory.units.values()
        if acquaintance(directory, originator, unit.id) is Acquaintance.NAMED
    ]
    ids = ((unit.id, unit.organisation) for unit in named)
    return directory.names_of(asks).union(directory.countries(), *ids)


def every_name(directory: Directory) -> frozenset[str]:
    """Return every id of a unit, organisation or community, and the names of countries."""
    ids = (*directory.units, *directory.organisations, *directory.communities)
    return directory.countries().union(ids)


def is_civil_society(directory: Directory, unit: Unit) -> bool:
    """Whether *unit* or its organisation is civil society."""
    kinds = (unit.kind, directory.organisations[unit.organisation].kind)
    return RecipientClass.CIVIL_SOCIETY in kinds
