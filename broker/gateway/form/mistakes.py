"""What has to be mended before a report can be sent: field by field, in plain words."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from broker.errors import Rejected
from broker.gateway.form import readings
from broker.gateway.form.questions import AGREED, PEOPLE, TEXTS
from broker.gateway.form.typed import Typed
from broker.model.community import Unit
from broker.model.country_names import country_of
from broker.model.parting import is_registered
from broker.model.reason import Reason

_MOST_SUSPECTS = 10
_MOST_COUNTRIES = 8
_MOST_PEOPLE = 100_000


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
        *_unregistered(typed),
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
    otherwise = f"This cannot be taken as it stands ({rejected.reason.value})"
    return Mistake(field, _MENDED.get(rejected.reason, otherwise))


_MENDED = {
    Reason.TEXT_BLANK: "Write something that can be read",
    Reason.TEXT_CONTROL: "Type this again: it has a sign that cannot be seen",
    Reason.TEXT_DIRECTION: "Type this again: it has a sign that cannot be seen",
    Reason.VICTIM_IDENTIFIED_ELSEWHERE: "This is a person affected. Write it only with the person",
    Reason.TEXT_LINE_BREAK: "Write this in one line",
}


_PATHS = {
    "text": "compartments.summary.text",
    "signs": "compartments.indicators",
    "count": "compartments.victim_profile",
    "conveyance_name": "compartments.conveyances",
    "place": "compartments.places",
    "employer": "compartments.owners",
    "safe_contact": "compartments.safe_contact",
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
        written_all = readings.listed(typed.one(name))
        if any(country_of(each) is None for each in written_all):
            yield Mistake(name, "We do not know one of these. Write countries with commas between")
        if len(written_all) > _MOST_COUNTRIES:
            yield Mistake(name, f"Write {_MOST_COUNTRIES} countries at most")


def _odd_values(typed: Typed, today: date, unit: Unit) -> Iterator[Mistake]:
    if typed.one("seen_on"):
        day = readings.day(typed.one("seen_on"))
        if day is None:
            yield Mistake("seen_on", "Write the date as year-month-day, such as 2026-03-31")
        elif not date(1990, 1, 1) <= day <= today:
            yield Mistake("seen_on", "This day is not in the past. When was it seen last?")
    count = typed.one("count")
    if count and not (count.isascii() and count.isdigit() and 0 < int(count) <= _MOST_PEOPLE):
        yield Mistake("count", "Write how many people as a number, such as 12")
    if typed.one("phone") and readings.phone(typed.one("phone"), unit) is None:
        yield Mistake("phone", "This is no phone number. Begin with the country, such as +679")
    if len(readings.names(typed.one("suspects"))) > _MOST_SUSPECTS:
        yield Mistake("suspects", f"Write {_MOST_SUSPECTS} names at most, one in a line")


def _unregistered(typed: Typed) -> Iterator[Mistake]:
    for field in ("name", "number"):
        written = typed.one(f"conveyance_{field}")
        if written and not is_registered(field, written):
            says = f"Write the {field} alone, as it stands on it: letters and digits, no commas"
            yield Mistake(f"conveyance_{field}", says)


def _contradictions(typed: Typed) -> Iterator[Mistake]:
    if typed.one("child") == "NO":
        for n in PEOPLE:
            if typed.one(f"age_{n}") in readings.CHILD_BANDS:
                says = "This is a child, and you said that all are 18 or older. Mend one of them"
                yield Mistake(f"age_{n}", says)
    if typed.one("consent") == "NOT_APPLICABLE" and list(readings.people(typed)):
        yield Mistake("consent", "You describe a person below, so say whether they agreed")
