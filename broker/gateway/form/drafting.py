"""Turn what was typed into the draft of an alert.

Nobody is asked for a code. What was not said stays unknown, and unknown is what policy protects
most: an unknown age is a child's, consent that was not asked for is none.
"""

from datetime import UTC, datetime
from typing import Any

from broker.gateway.form import readings
from broker.gateway.form.questions import AGREED, CLASSES
from broker.gateway.form.typed import Typed
from broker.model.community import Unit
from broker.model.content import Person
from broker.model.country_names import country_of
from broker.pipeline.derive import profile_of

#: at_risk and urgency (CAP 1.2) of each answer about danger.
_DANGER = {
    "NOW": ("YES", "IMMEDIATE"),
    "SOON": ("YES", "EXPECTED"),
    "NO": ("NO", "FUTURE"),
    "PAST": ("NO", "PAST"),
}
#: Means of the Palermo Protocol that a sign shows.
_MEANS = {
    "Threats": "THREAT_OR_FORCE",
    "PhysicalAbuse": "THREAT_OR_FORCE",
    "DebtBondage": "COERCION",
    "WithholdsDocuments": "COERCION",
    "FalsePromises": "DECEPTION",
}


def draft_of(typed: Typed, unit: Unit) -> dict[str, Any]:
    """Return the draft that *typed* describes, once `mistakes_in` finds nothing."""
    people = list(readings.people(typed))
    suspects = readings.names(typed.one("suspects"))
    persons = people + [
        {"pid": f"s{n}", "roles": ["SUSPECT"], "names": [name]}
        for n, name in enumerate(suspects, 1)
    ]
    agreed = typed.all("scope") if typed.one("consent") in AGREED else ()
    draft = {
        "label": _label(typed),
        "distribution": {"consent_scope": [each for scope in agreed for each in CLASSES[scope]]},
        "compartments": _compartments(typed, unit, people),
        "persons": persons,
    }
    return {name: value for name, value in draft.items() if value}


def _label(typed: Typed) -> dict[str, Any]:
    at_risk, urgency = _DANGER.get(typed.one("danger"), ("UNKNOWN", "UNKNOWN"))
    sector = typed.one("sector")
    return {
        "tlp": "AMBER",
        # Policy says so too; the label says it to whoever reads the alert.
        "caveats": ["NO_IMMIGRATION_ENFORCEMENT"],
        "source_type": typed.one("source") or "CIVIL_SOCIETY",
        "urgency": urgency,
        "at_risk": at_risk,
        "in_transit": typed.one("moved") or "UNKNOWN",
        "exploitation": list(typed.all("kinds")),
        "means": sorted({_MEANS[sign] for sign in typed.all("signs") if sign in _MEANS}),
        "sectors": [sector] if sector else [],
        "minor": "YES" if readings.has_child(typed) else typed.one("child"),
        "consent": typed.one("consent"),
        "countries_origin": readings.countries(typed, "origin"),
        "countries_transit": readings.countries(typed, "transit"),
        "countries_destination": readings.countries(typed, "country"),
        "conveyance_kinds": [typed.one("conveyance")] if typed.one("conveyance") else [],
    }


def _compartments(typed: Typed, unit: Unit, people: list[dict[str, Any]]) -> dict[str, Any]:
    found = {
        "summary": {"headline": typed.one("headline"), "text": typed.one("text") or None},
        "indicators": {"controls": list(typed.all("signs"))} if typed.all("signs") else None,
        "victim_profile": _profile(typed, people),
        "conveyances": _conveyances(typed),
        "movement": _movement(typed),
        "contact": {
            "desk": unit.name,
            "phone": readings.phone(typed.one("phone"), unit),
            "secure_channel": typed.one("channel") or None,
            "safe_contact": typed.one("safe_contact") or None,
            "do_not_approach": typed.has("do_not_approach", "YES"),
        },
    }
    return {name: content for name, content in found.items() if content}


def _profile(typed: Typed, people: list[dict[str, Any]]) -> dict[str, Any] | None:
    needs, count = list(typed.all("needs")), int(typed.one("count") or 0)
    if not (needs or count or people):
        return None
    # No birthday is asked for, so the moment that ages are counted to means nothing here.
    profile = profile_of((Person(**each) for each in people), datetime.now(UTC)).model_dump()
    return {**profile, "count": max(count, len(people)) or None, "needs": needs}


def _conveyances(typed: Typed) -> dict[str, Any] | None:
    kind = typed.one("conveyance")
    if not kind:
        return None
    said = {
        "kind": kind,
        "name": typed.one("conveyance_name") or None,
        "number": typed.one("conveyance_number") or None,
        "owner": (typed.one("employer") or None) if kind == "VESSEL" else None,
    }
    return {"items": [said]}


def _movement(typed: Typed) -> dict[str, Any]:
    where = ", ".join(part for part in (typed.one("employer"), typed.one("place")) if part)
    day = readings.day(typed.one("seen_on"))
    legs: list[dict[str, Any]] = [
        {"kind": "RECRUITMENT", "country": code} for code in readings.countries(typed, "origin")
    ]
    legs += [{"kind": "TRANSIT", "country": code} for code in readings.countries(typed, "transit")]
    legs += [
        {
            "kind": "EXPLOITATION",
            "country": country_of(typed.one("country")),
            "place": where or None,
            "arrives_at": f"{day}T00:00:00Z" if day else None,
            "precision": "DAY" if day else None,
        }
    ]
    return {"legs": legs}
