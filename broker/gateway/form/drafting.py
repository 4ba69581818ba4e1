"""Turn what was typed into the draft of an alert, or say what has to be mended, field by field.

Nobody is asked for a code. What was not said stays unknown, and unknown is what policy protects
most: an unknown age is a child's, consent that was not asked for is none.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import phonenumbers

from broker.errors import Rejected
from broker.gateway.form.countries import country_of
from broker.gateway.form.questions import AGREED, CLASSES, PEOPLE, TEXTS
from broker.gateway.form.typed import Typed
from broker.model.community import Unit
from broker.model.content import AgeBand, Person
from broker.pipeline.derive import profile_of

_CHILD_BANDS = frozenset({AgeBand.AGE_0_8, AgeBand.AGE_9_17})
_LINES = re.compile(r"[\n;]+")
_MOST_SUSPECTS = 10
_MOST_COUNTRIES = 8
_MOST_PEOPLE = 100_000

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


class Mistake(NamedTuple):
    """Something to mend.

    Attributes:
        field: The field of the form.
        says: What to do, in plain words.
    """

    field: str
    says: str


def mistakes_in(typed: Typed, today: date, unit: Unit) -> list[Mistake]:
    """Return what has to be mended before *typed* can be sent, in the order of the form."""
    found = [
        *_missing(typed),
        *_too_long(typed),
        *_unknown_countries(typed),
        *_odd_values(typed, today, unit),
        *_contradictions(typed),
    ]
    order = {name: place for place, name in enumerate(_ORDER)}
    return sorted(found, key=lambda mistake: order.get(mistake.field, len(order)))


_ORDER = (
    "headline", "text", "source", "kinds", "signs", "country", "place", "employer", "sector",
    "seen_on", "origin", "transit", "danger", "moved", "conveyance", "conveyance_name",
    "conveyance_number", "child", "count", "needs", "suspects", "consent", "scope",
    *(f"{name}_{n}" for n in PEOPLE for name in ("name", "age", "gender", "citizenship")),
    "phone", "channel", "safe_contact",
)  # fmt: skip

_NEEDED = {
    "headline": "Write in one line what you saw",
    "kinds": "Tick what you suspect; tick the last one if you are not sure",
    "country": "Write the country where it happens",
    "danger": "Say whether anyone is in danger now",
    "child": "Say whether a child may be involved",
    "consent": "Say whether the people affected agreed",
}


def mistake_of(rejected: Rejected) -> Mistake:
    """Return what to mend where the model takes an answer for none that can be."""
    field = next((f for f, path in _PATHS.items() if rejected.path.startswith(path)), "headline")
    return Mistake(field, f"This cannot be taken as it stands ({rejected.reason.value})")


_PATHS = {
    "text": "compartments.summary.text",
    "signs": "compartments.indicators",
    "count": "compartments.victim_profile",
    "conveyance_name": "compartments.conveyances",
    "place": "compartments.movement",
    "channel": "compartments.contact",
    "name_1": "persons",
    "child": "label.minor",
    "consent": "label.consent",
    "country": "label.countries",
}


def _missing(typed: Typed) -> Iterator[Mistake]:
    yield from (Mistake(n, says) for n, says in _NEEDED.items() if not typed.one(n))
    if typed.one("consent") in AGREED and not typed.all("scope"):
        yield Mistake("scope", "Tick who they agreed may see it")
    if not typed.one("conveyance") and (
        typed.one("conveyance_name") or typed.one("conveyance_number")
    ):
        yield Mistake("conveyance", "Say what it is: a boat, a car, an aeroplane")


def _too_long(typed: Typed) -> Iterator[Mistake]:
    for name, most in TEXTS.items():
        if (length := len(typed.one(name))) > most:
            yield Mistake(name, f"Make this shorter: it has {length} letters, {most} fit")


def _unknown_countries(typed: Typed) -> Iterator[Mistake]:
    for name in ("country", *(f"citizenship_{n}" for n in PEOPLE)):
        if (written := typed.one(name)) and country_of(written) is None:
            yield Mistake(name, "We do not know this country. Write its name in English")
    for name in ("origin", "transit"):
        written_all = _listed(typed.one(name))
        if any(country_of(each) is None for each in written_all):
            yield Mistake(name, "We do not know one of these. Write countries with commas between")
        if len(written_all) > _MOST_COUNTRIES:
            yield Mistake(name, f"Write {_MOST_COUNTRIES} countries at most")


def _odd_values(typed: Typed, today: date, unit: Unit) -> Iterator[Mistake]:
    if typed.one("seen_on"):
        day = _day(typed.one("seen_on"))
        if day is None:
            yield Mistake("seen_on", "Write the date as year-month-day, such as 2026-03-31")
        elif not date(1990, 1, 1) <= day <= today:
            yield Mistake("seen_on", "This day is not in the past. When was it seen last?")
    count = typed.one("count")
    if count and not (count.isascii() and count.isdigit() and 0 < int(count) <= _MOST_PEOPLE):
        yield Mistake("count", "Write how many people as a number, such as 12")
    if typed.one("phone") and _phone(typed.one("phone"), unit) is None:
        yield Mistake("phone", "This is no phone number. Begin with the country, such as +679")
    if len(_names(typed.one("suspects"))) > _MOST_SUSPECTS:
        yield Mistake("suspects", f"Write {_MOST_SUSPECTS} names at most, one in a line")


def _contradictions(typed: Typed) -> Iterator[Mistake]:
    if typed.one("child") == "NO":
        for n in PEOPLE:
            if typed.one(f"age_{n}") in _CHILD_BANDS:
                says = "This is a child, and you said that all are 18 or older. Mend one of them"
                yield Mistake(f"age_{n}", says)
    if typed.one("consent") == "NOT_APPLICABLE" and list(_people(typed)):
        yield Mistake("consent", "You describe a person below, so say whether they agreed")


def draft_of(typed: Typed, unit: Unit) -> dict[str, Any]:
    """Return the draft that *typed* describes, once `mistakes_in` finds nothing."""
    people = list(_people(typed))
    suspects = _names(typed.one("suspects"))
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
        "minor": "YES" if _has_child(typed) else typed.one("child"),
        "consent": typed.one("consent"),
        "countries_origin": _countries(typed, "origin"),
        "countries_transit": _countries(typed, "transit"),
        "countries_destination": _countries(typed, "country"),
        "conveyance_kinds": [typed.one("conveyance")] if typed.one("conveyance") else [],
    }


def _has_child(typed: Typed) -> bool:
    return any(typed.one(f"age_{n}") in _CHILD_BANDS for n in PEOPLE)


def _compartments(typed: Typed, unit: Unit, people: list[dict[str, Any]]) -> dict[str, Any]:
    found = {
        "summary": {"headline": typed.one("headline"), "text": typed.one("text") or None},
        "indicators": {"controls": list(typed.all("signs"))} if typed.all("signs") else None,
        "victim_profile": _profile(typed, people),
        "conveyances": _conveyances(typed),
        "movement": _movement(typed),
        "contact": {
            "desk": unit.name,
            "phone": _phone(typed.one("phone"), unit),
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
    day = _day(typed.one("seen_on"))
    legs: list[dict[str, Any]] = [
        {"kind": "RECRUITMENT", "country": code} for code in _countries(typed, "origin")
    ]
    legs += [{"kind": "TRANSIT", "country": code} for code in _countries(typed, "transit")]
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


def _people(typed: Typed) -> Iterator[dict[str, Any]]:
    """Yield the people affected that are described one by one."""
    for n in PEOPLE:
        name, age = typed.one(f"name_{n}"), typed.one(f"age_{n}")
        gender, land = typed.one(f"gender_{n}"), country_of(typed.one(f"citizenship_{n}"))
        if name or land or age or gender:
            yield {
                "pid": f"p{n}",
                "roles": ["VICTIM_POSSIBLE"],
                "names": [name] if name else [],
                "age_band": age or "UNKNOWN",
                "minor": "NO" if typed.one("child") == "NO" else "UNKNOWN",
                "gender": gender or "UNKNOWN",
                "citizenships": [land] if land else [],
            }


def _countries(typed: Typed, name: str) -> list[str]:
    codes = (country_of(each) for each in _listed(typed.one(name)))
    return list(dict.fromkeys(code for code in codes if code))


def _listed(text: str) -> list[str]:
    return [each.strip() for each in re.split(r"[,;\n]+", text) if each.strip()]


def _names(text: str) -> list[str]:
    return [each.strip() for each in _LINES.split(text) if each.strip()]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _phone(text: str, unit: Unit) -> str | None:
    try:
        number = phonenumbers.parse(text, unit.country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
