"""Whether somebody is a child, judged to the more protective side.

A child is one until the eighteenth birthday has come everywhere on earth: east and west of the
date line it is two days at once. A birth date that cannot be, or that another system writes
where it knows none, makes nobody an adult; one on 1 January may stand for the year alone.
"""

from collections.abc import Iterable
from datetime import date, datetime

from broker.model.bounds import first_day, last_day
from broker.model.codes import Answer
from broker.model.content import AgeBand, Document, Person
from broker.model.zone import read_zone

ADULT_YEARS = 18
CHILD_BANDS = frozenset({AgeBand.AGE_0_8, AgeBand.AGE_9_17})
#: Older is nobody who is written about here; a date that says so is another's default.
OLDEST_YEARS = 100

#: Days that systems write for "not known": zero of their calendars, and what forms offer first.
_DEFAULTS = frozenset(
    map(
        date.fromisoformat,
        "1900-01-01 1960-01-01 1969-12-31 1970-01-01 1970-01-02 1980-01-01 1980-01-06 "
        "1990-01-01 1999-12-31 2000-01-01 2001-01-01".split(),
    )
)


def minority(person: Person, moment: datetime, papers: Iterable[Document] = ()) -> Answer | None:
    """Return whether *person* was a child at *moment*; None where nothing was said.

    Args:
        person: With the papers within.
        moment: When the alert was written.
        papers: Others that this person holds.
    """
    if person.minor is Answer.YES or person.age_band in CHILD_BANDS:
        return Answer.YES
    if any(is_childs(paper, moment) for paper in (*person.documents, *papers)):
        return Answer.YES
    if person.born_on is not None:
        return _by_birth(person.born_on, moment)
    return None if person.minor is Answer.UNKNOWN else person.minor


def is_childs(paper: Document, moment: datetime) -> bool:
    """Whether the machine readable zone of *paper* was made out for who was a child at *moment*."""
    fields = read_zone(paper.mrz) if paper.mrz else None
    born_on = fields.born_on(first_day(moment)) if fields else None
    return born_on is not None and age_at(born_on, moment) < ADULT_YEARS


def age_at(born_on: date, moment: datetime) -> int:
    """Return the age in years where the day ends last: nowhere on earth is anybody younger."""
    today = last_day(moment)
    had_birthday = (today.month, today.day) >= (born_on.month, born_on.day)
    return today.year - born_on.year - (not had_birthday)


def is_doubtful(born_on: date, moment: datetime) -> bool:
    """Whether a birth date says nothing of an age: too old to be, or a known default."""
    return born_on in _DEFAULTS or age_at(born_on, moment) > OLDEST_YEARS


def may_be_child(born_on: date, moment: datetime) -> bool:
    """Whether who was born then may be a child: on 1 January, in any month of that year."""
    return age_at(_latest_birth(born_on), moment) < ADULT_YEARS


def _latest_birth(born_on: date) -> date:
    new_year = (born_on.month, born_on.day) == (1, 1)
    return born_on.replace(month=12, day=31) if new_year else born_on


def _by_birth(born_on: date, moment: datetime) -> Answer:
    if is_doubtful(born_on, moment):
        return Answer.UNKNOWN
    if age_at(born_on, moment) < ADULT_YEARS:
        return Answer.YES
    return Answer.UNKNOWN if may_be_child(born_on, moment) else Answer.NO
