"""Find the people in `victims` in every other compartment and every other line of an alert.

What identifies somebody in one place must not stand open in another: that place goes to others.
The texts are put together once and looked at as one; each is looked at by itself only where
something is there.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from broker.model.alert import Alert
from broker.model.leaves import TEXT, Leaf, Where, leaves_of
from broker.model.text import free_text, line_text
from broker.model.warning import WarningCode
from broker.model.zone import read_zone
from broker.pipeline.identifying.dates import own_births_in
from broker.pipeline.identifying.fold import Squeezed, bare, fold, loose
from broker.pipeline.identifying.names import Names, Span, Text, merged
from broker.pipeline.identifying.protected import Named, Protected, Wanted

#: Below this, nothing identifies anybody.
_SHORTEST = 3
_DIGIT = re.compile(r"\d")
_EVIDENCE = ("compartments", "evidence")


class Match(NamedTuple):
    """Where somebody was found.

    Attributes:
        code: What was found.
        leaf: Where.
        span: In a text: its characters.
        exact: Whether it can be nobody else.
    """

    code: WarningCode
    leaf: Leaf
    span: Span | None
    exact: bool

    def __repr__(self) -> str:
        return f"Match({self.code}, {self.leaf.path})"


class Elsewhere:
    """An alert beside its victims, put together once."""

    def __init__(self, alert: Alert) -> None:
        held = alert.compartments
        persons = held.victims.persons if held.victims else ()
        self._protected = Protected(persons, alert.label.originated_at)
        self._leaves = tuple(_leaves(alert)) if persons else ()
        self._texts = [
            leaf for leaf in self._leaves if leaf.kind is TEXT and len(leaf.value) >= _SHORTEST
        ]
        self._joined = "\n".join([leaf.value for leaf in self._texts])
        self._bare = bare(self._joined)

    def exact(self) -> Iterator[Match]:
        """Yield what can be nobody else: numbers, mail, pictures, names with the birth date."""
        yield from (match for match in self._numbers() if match.exact)
        yield from self._mails()
        yield from (match for match in self._pictures() if match.exact)
        yield from self._names_with_birth()

    def likely(self) -> Iterator[Match]:
        """Yield what may be somebody else: names alone, short numbers, pictures in evidence."""
        yield from (match for match in self._numbers() if not match.exact)
        yield from (match for match in self._pictures() if not match.exact)
        yield from self._names(_finder(self._candidates), self._texts)

    @cached_property
    def _spelt(self) -> str:
        return loose(fold(self._joined))

    @cached_property
    def _candidates(self) -> list[Named]:
        named = self._protected.named
        return [each for each in named if each.may_stand_in(self._spelt, self._bare)]

    @cached_property
    def _words(self) -> dict[Where, Text]:
        return {}

    def _numbers(self) -> Iterator[Match]:
        wanted = [each for each in self._protected.numbers.values() if each.bare in self._bare]
        for leaf in self._texts if wanted else ():
            squeezed = bare(leaf.value)
            for each in wanted:
                if each.bare in squeezed:
                    yield from _number_in(leaf, each, squeezed)

    def _mails(self) -> Iterator[Match]:
        for mail in self._protected.mails:
            for leaf in self._texts if mail in self._joined.casefold() else ():
                if (start := leaf.value.casefold().find(mail)) >= 0:
                    span = start, start + len(mail)
                    yield Match(WarningCode.VICTIM_NUMBER_ELSEWHERE, leaf, span, exact=True)

    def _pictures(self) -> Iterator[Match]:
        for leaf in self._texts if self._protected.pictures else ():
            if leaf.value in self._protected.pictures:
                # As evidence it may be the picture itself, which is referred to by its digest.
                exact = leaf.where[:2] != _EVIDENCE
                yield Match(WarningCode.VICTIM_PICTURE_ELSEWHERE, leaf, None, exact)

    def _names_with_birth(self) -> Iterator[Match]:
        """Yield names that stand in one item, such as a person, with the birth date."""
        if not any(named.born for named in self._protected.named):
            return
        by_day: dict[date, list[Named]] = defaultdict(list)
        for named in self._candidates:
            for day in named.born:
                by_day[day].append(named)
        for _, group in groupby(self._leaves if by_day else (), key=_item_of):
            leaves = list(group)
            for day in sorted({day for leaf in leaves for day in _days_in(leaf, by_day)}):
                for match in self._names(_finder(by_day[day]), leaves):
                    yield match._replace(exact=True)

    def _names(self, finder: Names, leaves: Iterable[Leaf]) -> Iterator[Match]:
        for leaf in leaves:
            if leaf.kind is not TEXT or not finder:
                continue
            if _is_free(leaf):
                for span in merged(finder.whole_in(self._text(leaf))):
                    yield Match(WarningCode.VICTIM_NAME_ELSEWHERE, leaf, span, exact=False)
            elif "<<" in leaf.value and _is_named_in_zone(finder, leaf.value):
                yield Match(WarningCode.VICTIM_NAME_ELSEWHERE, leaf, None, exact=False)

    def _text(self, leaf: Leaf) -> Text:
        if leaf.where not in self._words:
            self._words[leaf.where] = Text(leaf.value)
        return self._words[leaf.where]


def _leaves(alert: Alert) -> Iterator[Leaf]:
    yield from leaves_of(alert.distribution, ("distribution",))
    for name, held in alert.compartments:
        if held is not None and name != "victims":
            yield from leaves_of(held, ("compartments", name))


def _number_in(leaf: Leaf, wanted: Wanted, squeezed: str) -> Iterator[Match]:
    code = WarningCode.VICTIM_NUMBER_ELSEWHERE
    if wanted.bare == squeezed:
        # The whole of a line may be a short number by chance; the number of a paper is one.
        yield Match(code, leaf, None, wanted.telling or "documents" in leaf.where)
        return
    zone = read_zone(leaf.value) if "<" in leaf.value else None
    if zone and wanted.bare in map(bare, zone.numbers):
        yield Match(code, leaf, None, exact=True)
        return
    for span in Squeezed(leaf.value).spans(wanted.bare, wanted.gap):
        yield Match(code, leaf, span, wanted.telling)


def _item_of(leaf: Leaf) -> Where:
    """Return what *leaf* belongs to: one item of a list, such as a person, or a compartment."""
    at = next((i for i, part in enumerate(leaf.where) if isinstance(part, int)), 1)
    return leaf.where[: at + 1] if len(leaf.where) > 2 else leaf.where[:2]


def _finder(named: Iterable[Named]) -> Names:
    return Names([name for each in named for name in each.names])


def _days_in(leaf: Leaf, wanted: Collection[date]) -> Iterator[date]:
    """Yield the birth dates among *wanted* that *leaf* tells."""
    if isinstance(leaf.value, date):
        if not isinstance(leaf.value, datetime) and leaf.value in wanted:
            yield leaf.value
    elif "<" in leaf.value and (zone := read_zone(leaf.value)):
        yield from (day for day in wanted if zone.born == f"{day:%y%m%d}")
    elif _DIGIT.search(leaf.value):
        yield from own_births_in(leaf.value, wanted)


def _is_free(leaf: Leaf) -> bool:
    """Whether *leaf* is a line or a text: what is coded holds no names."""
    return any(getattr(mark, "func", None) in (line_text, free_text) for mark in leaf.marks)


def _is_named_in_zone(finder: Names, mrz: str) -> bool:
    zone = read_zone(mrz)
    return zone is not None and bool(finder.whole_in(Text(" ".join(zone.names).title())))
