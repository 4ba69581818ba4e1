"""What follows from an alert's own contents: minority, victim profile, check digits."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from broker.model.alert import Compartments
from broker.model.check_digits import imo_valid, mrz_valid
from broker.model.codes import Answer
from broker.model.content import AgeBand, Person, VictimProfile

_ADULT_YEARS = 18
_CHILD_BANDS = frozenset({AgeBand.AGE_0_8, AgeBand.AGE_9_17})

#: The oldest age of each band (CTDC), years.
_BANDS = {
    8: AgeBand.AGE_0_8,
    17: AgeBand.AGE_9_17,
    20: AgeBand.AGE_18_20,
    23: AgeBand.AGE_21_23,
    26: AgeBand.AGE_24_26,
    29: AgeBand.AGE_27_29,
    38: AgeBand.AGE_30_38,
    47: AgeBand.AGE_39_47,
}


def minor_of(persons: Iterable[Person], profile: VictimProfile | None, moment: datetime) -> Answer:
    """Return whether a victim is under 18 at *moment*, as far as the alert itself says.

    One that may be a child makes the answer YES or UNKNOWN; NO needs every victim to be
    known to be of age. Without victims nothing is known.
    """
    answers = {_is_minor(person, moment.date()) for person in persons}
    if profile and _CHILD_BANDS.intersection(profile.age_bands):
        answers.add(Answer.YES)
    for answer in (Answer.YES, Answer.UNKNOWN):
        if answer in answers:
            return answer
    return Answer.NO if answers else Answer.UNKNOWN


def _is_minor(person: Person, today: date) -> Answer:
    if person.minor is Answer.YES or person.age_band in _CHILD_BANDS:
        return Answer.YES
    if person.born_on is not None:
        return Answer.YES if _age(person.born_on, today) < _ADULT_YEARS else Answer.NO
    return person.minor


def _age(born_on: date, today: date) -> int:
    had_birthday = (today.month, today.day) >= (born_on.month, born_on.day)
    return today.year - born_on.year - (not had_birthday)


def profile_of(persons: Iterable[Person], moment: datetime) -> VictimProfile:
    """Return what may be said of *persons* without identifying them: counts and sets."""
    persons = tuple(persons)
    bands = {_band_of(person, moment.date()) for person in persons}
    return VictimProfile(
        count=len(persons),
        age_bands=tuple(sorted(bands - {AgeBand.UNKNOWN})),
        genders=tuple(sorted({person.gender for person in persons})),
        citizenships=tuple(sorted({land for each in persons for land in each.citizenships})),
        languages=tuple(sorted({tongue for each in persons for tongue in each.languages})),
    )


def _band_of(person: Person, today: date) -> AgeBand:
    if person.age_band is not AgeBand.UNKNOWN or person.born_on is None:
        return person.age_band
    age = _age(person.born_on, today)
    return next((band for oldest, band in _BANDS.items() if age <= oldest), AgeBand.AGE_48_PLUS)


def with_check_digits(compartments: Compartments) -> dict[str, Any]:
    """Return *compartments* as fields, with `mrz_valid` and `imo_valid` computed.

    A publisher's own answer is overwritten: a wrong digit is evidence, and is recorded.
    """
    return {name: _checked(value) for name, value in compartments.model_dump().items()}


def _checked(value: Any) -> Any:
    if isinstance(value, dict):
        checked = {name: _checked(inner) for name, inner in value.items()}
        if checked.get("mrz"):
            checked["mrz_valid"] = mrz_valid(checked["mrz"])
        if checked.get("imo_number"):
            checked["imo_valid"] = imo_valid(checked["imo_number"])
        return checked
    if isinstance(value, tuple | list):
        return [_checked(inner) for inner in value]
    return value
