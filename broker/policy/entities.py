"""The community and the alert as Cedar entities, always built against the schema.

Identifiers and times of an alert are not among its attributes, so that labels repeat.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import cedarpy

from broker.model import codes
from broker.model.community import Feed, Unit
from broker.policy.actions import ALERT_UID, NAMESPACE
from broker.policy.directory import Directory

#: What of a view Cedar sees, with the code list of each; None where values are free names.
ATTRIBUTES: dict[str, type[StrEnum] | None] = {
    "message_type": codes.MessageType,
    "status": codes.Status,
    "tlp": codes.Tlp,
    "permitted_action": codes.PermittedAction,
    "caveats": codes.Caveat,
    "purposes": codes.Purpose,
    "source_type": codes.SourceType,
    "reliability": codes.Reliability,
    "credibility": codes.Credibility,
    "fact_or_assessment": codes.Basis,
    "urgency": codes.Urgency,
    "severity": codes.Severity,
    "certainty": codes.Certainty,
    "at_risk": codes.Answer,
    "in_transit": codes.Answer,
    "exploitation": codes.Exploitation,
    "acts": codes.Act,
    "means": codes.Means,
    "sectors": codes.Sector,
    "minor": codes.Answer,
    "consent": codes.Consent,
    "countries_origin": None,
    "countries_transit": None,
    "countries_destination": None,
    "conveyance_kinds": codes.ConveyanceKind,
    "releasable_to": None,
    "not_releasable_to": None,
    "named_recipients": None,
    "consent_scope": codes.RecipientClass,
    "onward": codes.Onward,
}

#: A view reduced to comparable values: codes as they are, lists as sorted tuples.
Reduced = dict[str, Any]


def reduce_view(view: Mapping[str, Any]) -> Reduced:
    """Return what Cedar sees of *view*; a value outside its code list becomes UNKNOWN."""
    reduced = {name: _reduce(view[name], known) for name, known in ATTRIBUTES.items()}
    reduced["originator"] = view["originator"]
    return reduced


def alert_entity(reduced: Reduced, filled: list[str] | None = None) -> str:
    """Return the alert of *reduced* as Cedar JSON.

    Args:
        reduced: What Cedar sees of its label and distribution.
        filled: Names of the compartments that hold anything; None where the bundle's schema
            is from before rules were told.
    """
    attrs = {name: list(v) if isinstance(v, tuple) else v for name, v in reduced.items()}
    attrs["originator"] = {"__entity": {"type": f"{NAMESPACE}::Unit", "id": reduced["originator"]}}
    if filled is not None:
        attrs["filled"] = filled
    return json.dumps([{"uid": ALERT_UID, "attrs": attrs, "parents": []}])


def community_entities(directory: Directory, schema: cedarpy.Schema) -> cedarpy.Entities:
    """Return all communities, organisations and units as Cedar entities."""
    entities = [_entity("Community", name, {}, []) for name in directory.communities]
    entities += [
        _entity("Organisation", o.id, {"kind": o.kind.value}, _parents("Community", o.communities))
        for o in directory.organisations.values()
    ]
    entities += [_unit(directory, unit) for unit in directory.units.values()]
    return cedarpy.Entities.from_json_str(json.dumps(entities), schema)


def unit_attributes(directory: Directory, unit: Unit) -> dict[str, Any]:
    """Return the attributes of *unit* as rules see them."""
    return {
        "kind": unit.kind.value,
        "organisation": unit.organisation,
        "organisation_kind": directory.organisations[unit.organisation].kind.value,
        "country": unit.country or directory.organisations[unit.organisation].country or "",
        "duties": sorted(unit.duties),
        "names": sorted(directory.answers_to(unit)),
    }


def context_of(feed: Feed, *, expired: bool, embargoed: bool) -> dict[str, Any]:
    """Return the context of every request for *feed*."""
    return {
        "purpose": feed.purpose.value,
        "operational": feed.operational,
        "expired": expired,
        "embargoed": embargoed,
    }


def _unit(directory: Directory, unit: Unit) -> dict[str, Any]:
    parents = _parents("Organisation", (unit.organisation,))
    parents += _parents("Community", unit.communities)
    return _entity("Unit", unit.id, unit_attributes(directory, unit), parents)


def _reduce(value: Any, known: type[StrEnum] | None) -> Any:
    if isinstance(value, str):
        return _symbol(value, known)
    return tuple(sorted({_symbol(item, known) for item in value}))


def _symbol(value: str, known: type[StrEnum] | None) -> str:
    return str(value) if known is None or value in known.__members__ else "UNKNOWN"


def _entity(
    kind: str, name: str, attrs: dict[str, Any], parents: list[dict[str, str]]
) -> dict[str, Any]:
    uid = {"type": f"{NAMESPACE}::{kind}", "id": name}
    return {"uid": uid, "attrs": attrs, "parents": parents}


def _parents(kind: str, names: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"type": f"{NAMESPACE}::{kind}", "id": name} for name in names]
