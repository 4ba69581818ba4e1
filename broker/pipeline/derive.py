"""What follows from an alert's own contents: minority, victim profile, check digits."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from broker.model.alert import Compartments
from broker.model.check_digits import imo_valid, mrz_valid
from broker.model.codes import Answer
from broker.model.content import AgeBand, Person, VictimProfile
from broker.pipeline.ages import (
    ADULT_YEARS,
    CHILD_BANDS,
    age_at,
    is_childs,
    is_doubtful,
    may_be_child,
    minority,
)

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


def minor_of(compartments: Compartments, moment: datetime) -> Answer:
    """Return whether somebody in *compartments* was a child at *moment*, as far as they say.

    One who is, or may be, makes the answer YES or UNKNOWN, in whatever compartment; NO needs
    every victim to be known to be of age. Of a suspect it is not asked for: one of whom
    nothing is said changes nothing. Without victims nothing is known.
    """
    victims = compartments.victims.persons if compartments.victims else ()
    answers = {minority(person, moment) or Answer.UNKNOWN for person in victims}
    answers |= set(_elsewhere(compartments, moment)) - {Answer.NO}
    for answer in (Answer.YES, Answer.UNKNOWN):
        if answer in answers:
            return answer
    return Answer.NO if answers else Answer.UNKNOWN


def _elsewhere(compartments: Compartments, moment: datetime) -> Iterator[Answer]:
    """Yield what the compartments beside `victims` say of somebody's minority."""
    profile, papers = compartments.victim_profile, compartments.documents
    if profile and CHILD_BANDS.intersection(profile.age_bands):
        yield Answer.YES
    for person in compartments.suspects.persons if compartments.suspects else ():
        if answer := minority(person, moment):
            yield answer
    if any(is_childs(paper, moment) for paper in (papers.items if papers else ())):
        yield Answer.YES


def profile_of(persons: Iterable[Person], moment: datetime) -> VictimProfile:
    """Return what may be said of *persons* without identifying them: counts and sets."""
    persons = tuple(persons)
    bands = {_band_of(person, moment) for person in persons}
    return VictimProfile(
        count=len(persons),
        age_bands=tuple(sorted(bands - {AgeBand.UNKNOWN})),
        genders=tuple(sorted({person.gender for person in persons})),
        citizenships=tuple(sorted({land for each in persons for land in each.citizenships})),
        languages=tuple(sorted({tongue for each in persons for tongue in each.languages})),
    )


def _band_of(person: Person, moment: datetime) -> AgeBand:
    born_on = person.born_on
    if person.age_band is not AgeBand.UNKNOWN or born_on is None:
        return person.age_band
    age = age_at(born_on, moment)
    if is_doubtful(born_on, moment) or (age >= ADULT_YEARS and may_be_child(born_on, moment)):
        return AgeBand.UNKNOWN
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
