"""Dates of birth: those of the alert in any writing, and any date that is called one."""

import re
from collections.abc import Collection, Iterator
from datetime import date

Span = tuple[int, int]

_NAMES = (
    "jan(?:uary|vier)?", "feb(?:ruary)?|f[ée]vrier", "mar(?:ch|s)?", "apr(?:il)?|avril", "may|mai",
    "june?|juin", "july?|juillet", "aug(?:ust)?|ao[ûu]t", "sept?(?:ember|embre)?",
    "oct(?:ober|obre)?", "nov(?:ember|embre)?", "dec(?:ember)?|d[ée]cembre",
)  # fmt: skip
_MONTHS = [re.compile(name, re.IGNORECASE) for name in _NAMES]
_MONTH = "|".join(_NAMES)

_YEAR_FIRST = re.compile(r"(?<![\w-])(\d{4})[-/. ]?(\d{1,2})[-/. ]?(\d{1,2})(?![\w-])")
_YEAR_LAST = re.compile(r"(?<![\w-])(\d{1,2})[-/. ]?(\d{1,2})[-/. ]?(\d{4}|\d{2})(?![\w-])")
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th|er)?[\s-]+(?:of\s+)?({_MONTH})\b[\s,.'-]*(\d{{4}}|\d{{2}})\b",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"\b({_MONTH})\b[\s.-]*(\d{{1,2}})(?:st|nd|rd|th)?[\s,.'-]+(\d{{4}}|\d{{2}})\b",
    re.IGNORECASE,
)

_BORN = re.compile(
    r"(?:\bborn|\bd\.?\s?o\.?\s?b\b\.?|birth\s?dates?|dates?\s+of\s+birth|birthday|\bn[ée]e?)"
    r"(?:\s+(?:on|in|is|was|the))*[\s:,(\[-]*$",
    re.IGNORECASE,
)
_LOOKED_BACK = 40
#: A year of two digits is of this century up to here.
_PIVOT = 30


def births_in(text: str, own: Collection[date]) -> Iterator[Span]:
    """Yield dates that are among *own*, or that the text calls a date of birth."""
    for start, end, dates in _dates(text):
        called = _BORN.search(text, max(0, start - _LOOKED_BACK), start)
        if not dates.isdisjoint(own) or (dates and called):
            yield start, end


def own_births_in(text: str, own: Collection[date]) -> Iterator[date]:
    """Yield those of *own* that stand in *text*, in whatever writing."""
    for _, _, dates in _dates(text):
        yield from (day for day in dates if day in own)


def _dates(text: str) -> Iterator[tuple[int, int, set[date]]]:
    for found in _YEAR_FIRST.finditer(text):
        year, month, day = map(int, found.groups())
        yield *found.span(), _valid((year, month, day))
    for found in _YEAR_LAST.finditer(text):
        one, other, year = int(found[1]), int(found[2]), _full(found[3])
        yield *found.span(), _valid((year, other, one), (year, one, other))
    for found in _DAY_FIRST.finditer(text):
        yield *found.span(), _valid((_full(found[3]), _number(found[2]), int(found[1])))
    for found in _MONTH_FIRST.finditer(text):
        yield *found.span(), _valid((_full(found[3]), _number(found[1]), int(found[2])))


def _full(year: str) -> int:
    if len(year) == 4:
        return int(year)
    return int(year) + (2000 if int(year) < _PIVOT else 1900)


def _number(month: str) -> int:
    return next(n for n, name in enumerate(_MONTHS, start=1) if name.fullmatch(month))


def _valid(*read: tuple[int, int, int]) -> set[date]:
    found = set()
    for year, month, day in read:
        try:
            found.add(date(year, month, day))
        except ValueError:
            continue
    return found
