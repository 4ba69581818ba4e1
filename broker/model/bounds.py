"""Between which days a date of an alert may lie, and what says that it does not.

Counted from when the alert was written, so that an alert is judged the same however late it is
read. A date that cannot be is a slip of the finger, or another system's word for "not known".
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from broker.model.base import Moment
from broker.model.reason import Reason

#: How far local time is behind UTC where the day ends last, and before it where it begins first.
LAST_ZONE, FIRST_ZONE = timedelta(hours=12), timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a kind of date.

    Attributes:
        reason: What is said of a date outside.
        years_before: How far before the alert it may lie; None: as far as there is a calendar.
        years_after: How far behind it.
    """

    reason: Reason
    years_before: int | None
    years_after: int

    def hold(self, day: date, written: datetime) -> bool:
        """Whether *day* may stand in an alert that was *written* then."""
        if self.years_before is not None and day < _moved(last_day(written), -self.years_before):
            return False
        return day <= _moved(first_day(written), self.years_after)


#: A person is born before anybody writes of it. How old one may be is no bound: who is too old
#: to be is of unknown age (`broker.pipeline.ages`).
BIRTH = Bounds(Reason.BIRTH_DATE_INVALID, None, 0)
#: Papers run ten years, some fifty; "never" is an empty field and no date.
PAPER = Bounds(Reason.DOCUMENT_DATE_INVALID, 50, 50)
EMBARGO = Bounds(Reason.EMBARGO_INVALID, 50, 10)
#: Everything else: what happened, and what is planned.
EVENT = Bounds(Reason.EVENT_DATE_INVALID, 50, 10)

BirthDate = Annotated[date, BIRTH]
PaperDate = Annotated[date, PAPER]
EventDate = Annotated[date, EVENT]
EventMoment = Annotated[Moment, EVENT]
EmbargoMoment = Annotated[Moment, EMBARGO]


def last_day(moment: datetime) -> date:
    """Return the day that it is at *moment* where the day ends last (UTC−12)."""
    try:
        return (moment - LAST_ZONE).date()
    except OverflowError:  # on the first day of the calendar
        return moment.date()


def first_day(moment: datetime) -> date:
    """Return the day that it is at *moment* where it begins first (Kiritimati, UTC+14)."""
    try:
        return (moment + FIRST_ZONE).date()
    except OverflowError:  # on the last day of the calendar
        return moment.date()


def _moved(day: date, years: int) -> date:
    year = day.year + years
    if year < date.min.year:
        return date.min
    if year > date.max.year:
        return date.max
    # There is no 29 February in most years.
    return day.replace(year=year, day=28 if (day.month, day.day) == (2, 29) else day.day)
