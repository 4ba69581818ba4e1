"""Objects that are equal for every feed: markings, countries, units, and who makes all this."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from broker.model.codes import Tlp
from broker.stix.identifiers import shared_id

#: When the form of these objects began: `created` of everything, as a recall knows no other
#: moment of its alert and no version may have another one than the versions before it.
CREATED = "2026-01-01T00:00:00.000Z"

#: TLP 2.0 as OASIS publishes it: extension, ids, and the moment they were made.
_TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_TLP_CREATED = "2022-10-01T00:00:00.000Z"
_TLP_IDS = {
    Tlp.CLEAR: "94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "e828b379-4e03-4974-9ac4-e53a884c97c1",
}

#: Who makes these objects: an object that shows less than its original is another object,
#: and whoever made it so is its creator.
BROKER_ID = shared_id("identity", "lali")


def marking_id(tlp: Tlp) -> str:
    """Return the id of the official marking; one that is not known is handled as RED."""
    return f"marking-definition--{_TLP_IDS.get(tlp, _TLP_IDS[Tlp.RED])}"


@cache
def marking(tlp: Tlp) -> dict[str, Any]:
    """Return the official marking definition."""
    known = tlp if tlp in _TLP_IDS else Tlp.RED
    word = known.value.replace("_", "+")
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": marking_id(known),
        "created": _TLP_CREATED,
        "name": f"TLP:{word}",
        "extensions": {
            _TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": word.lower()}
        },
    }


@cache
def broker_identity() -> dict[str, Any]:
    """Return who makes the objects."""
    text = "Message broker that shows each recipient what policy lets it see of an alert."
    made = _made("identity", BROKER_ID, name="Lali", description=text, identity_class="system")
    return made | {"created_by_ref": BROKER_ID}


@cache
def unit_identity(unit: str) -> dict[str, Any]:
    """Return a unit, by nothing but its id."""
    text = "Unit that publishes alerts, by its id in the community."
    return _made(
        "identity", shared_id("identity", f"unit {unit}"),
        name=unit, description=text, identity_class="organization",
    )  # fmt: skip


@cache
def country(code: str) -> dict[str, Any]:
    """Return a country, by its ISO 3166-1 alpha-2 code."""
    return _made("location", shared_id("location", f"country {code}"), name=code, country=code)


def shared_ids(units: Iterable[str], countries: Iterable[str]) -> frozenset[str]:
    """Return every id that an object of this module may have in a community of *units*."""
    from broker.stix.definition import EXTENSION_ID

    found = {BROKER_ID, EXTENSION_ID, *(marking_id(tlp) for tlp in _TLP_IDS)}
    found.update(unit_identity(unit)["id"] for unit in units)
    found.update(country(code)["id"] for code in countries)
    return frozenset(found)


def _made(kind: str, identifier: str, **properties: str) -> dict[str, Any]:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": identifier,
        "created_by_ref": BROKER_ID,
        "created": CREATED,
        "modified": CREATED,
        **properties,
    }
