"""What single answers of the form mean, where they are not codes already."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import phonenumbers

from broker.gateway.form.questions import PEOPLE
from broker.gateway.form.typed import Typed
from broker.model.community import Unit
from broker.model.content import AgeBand
from broker.model.country_names import country_of
from broker.model.text import is_seen

#: Answers about age that tell of a child.
CHILD_BANDS = frozenset({AgeBand.AGE_0_8, AgeBand.AGE_9_17})
_LINES = re.compile(r"[\n;]+")


def has_child(typed: Typed) -> bool:
    """Whether somebody affected is a child by their age."""
    return any(typed.one(f"age_{n}") in CHILD_BANDS for n in PEOPLE)


def people(typed: Typed) -> Iterator[dict[str, Any]]:
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


def countries(typed: Typed, name: str) -> list[str]:
    """Return the codes of the countries in a field."""
    codes = (country_of(each) for each in listed(typed.one(name)))
    return list(dict.fromkeys(code for code in codes if code))


def listed(text: str) -> list[str]:
    """Return what commas part."""
    return [each.strip() for each in re.split(r"[,;\n]+", text) if is_seen(each)]


def names(text: str) -> list[str]:
    """Return what lines part."""
    return [each.strip() for each in _LINES.split(text) if is_seen(each)]


def day(text: str) -> date | None:
    """Return the day that *text* writes (ISO 8601); None if it writes none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def phone(text: str, unit: Unit) -> str | None:
    """Return a phone number as E.164, read as in the country of *unit*; None if it is none."""
    try:
        number = phonenumbers.parse(text, unit.country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
