"""What identifies the people in `victims`: by this they must not be found anywhere else."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from broker.model.bounds import first_day
from broker.model.content import Document, Person
from broker.model.zone import ZoneFields, read_zone
from broker.pipeline.ages import is_doubtful
from broker.pipeline.identifying import whereabouts
from broker.pipeline.identifying.fold import bare, loose
from broker.pipeline.identifying.names import tokens_of
from broker.pipeline.identifying.ordinary import NEVER_ALONE

#: Characters between two of a number of a document, of a phone, and of a filled zone.
_GAP_IN_NUMBER, _GAP_IN_PHONE, _GAP_IN_ZONE = 1, 3, 44
_SHORTEST_NUMBER, _SHORTEST_PHONE, _SHORTEST_LINE = 4, 5, 20
#: A number that is shorter is found in many texts by chance.
_TELLING_NUMBER, _TELLING_PHONE = 6, 7


class Wanted(NamedTuple):
    """A number to look for.

    Attributes:
        bare: Its letters and digits, folded.
        gap: How many characters may stand between two of them.
        telling: Whether nobody else has it by chance.
    """

    bare: str
    gap: int
    telling: bool


class Named:
    """Names and birth dates of one person.

    Attributes:
        names: As written; aliases, and those of machine readable zones, too.
        born: Birth dates that are no other system's default.
    """

    def __init__(self, names: Iterable[str], born: Iterable[date]) -> None:
        self.names = tuple(names)
        self.born = frozenset(born)

    @cached_property
    def _looks(self) -> list[tuple[list[str], str]]:
        """Of each name: its words that tell something, loosely spelt, and all of it as one."""
        return [
            ([loose(word) for word in tokens_of(name) if word not in NEVER_ALONE], bare(name))
            for name in self.names
        ]

    def may_stand_in(self, spelt: str, squeezed: str) -> bool:
        """Whether `Names.whole_in` could find one in texts; quick, and never wrongly False.

        Args:
            spelt: The texts, folded and loosely spelt.
            squeezed: The texts, bare.
        """
        return any(
            whole in squeezed or sum(word in spelt for word in words) >= min(2, max(1, len(words)))
            for words, whole in self._looks
        )


class Protected:
    """The identifiers of some people, taken apart once.

    Args:
        persons: The people in `victims`.
        moment: When the alert was written.

    Attributes:
        numbers: Of documents, zones and phones, by their bare form.
        mails: E-mail addresses, without case.
        pictures: Digests of their pictures.
        named: Their names, with birth dates.
    """

    def __init__(self, persons: Iterable[Person], moment: datetime) -> None:
        self.numbers: dict[str, Wanted] = {}
        self.mails: set[str] = set()
        self.pictures: set[str] = set()
        self.named: list[Named] = []
        for person in persons:
            self._take(person, moment)

    def _take(self, person: Person, moment: datetime) -> None:
        zones = [zone for each in person.documents if (zone := _zone_of(each))]
        for document in person.documents:
            self._note(_numbers_of(document))
        for phone in person.phones:
            self._note(_dialled(phone))
        if person.photo_sha256:
            self.pictures.add(person.photo_sha256)
        called = (*person.names, *person.aliases)
        for text in (person.address or "", *called):
            if "@" in text:
                self.mails.update(text[a:b].casefold() for a, b in whereabouts.mails_in(text))
        born = {person.born_on, *(zone.born_on(first_day(moment)) for zone in zones)} - {None}
        usable = [day for day in born if day is not None and not is_doubtful(day, moment)]
        if names := [*called, *(" ".join(zone.names) for zone in zones if zone.names)]:
            self.named.append(Named(names, usable))

    def _note(self, found: Iterable[Wanted]) -> None:
        self.numbers.update((each.bare, each) for each in found)


def _zone_of(document: Document) -> ZoneFields | None:
    return read_zone(document.mrz) if document.mrz else None


def _numbers_of(document: Document) -> Iterator[Wanted]:
    zone = _zone_of(document)
    for number in (document.number or "", *(zone.numbers if zone else ())):
        wanted = bare(number)
        # One without a digit, or of one digit alone, stands for a number that is not known.
        if len(wanted) >= _SHORTEST_NUMBER and _is_number(wanted):
            yield Wanted(wanted, _GAP_IN_NUMBER, len(wanted) >= _TELLING_NUMBER)
    for line in (document.mrz or "").split("\n"):
        if len(wanted := bare(line)) >= _SHORTEST_LINE:
            yield Wanted(wanted, _GAP_IN_ZONE, telling=True)


def _is_number(wanted: str) -> bool:
    return any(char.isdigit() for char in wanted) and len(set(wanted)) > 1


def _dialled(phone: str) -> Iterator[Wanted]:
    """Yield *phone* (E.164) as it is dialled from abroad and at home."""
    digits = phone.removeprefix("+")
    yield Wanted(digits, _GAP_IN_PHONE, telling=True)
    yield Wanted(f"00{digits}", _GAP_IN_PHONE, telling=True)
    code = next((n for n in (1, 2, 3) if int(digits[:n]) in COUNTRY_CODE_TO_REGION_CODE), 0)
    at_home = digits[code:]
    if code and len(at_home) >= _SHORTEST_PHONE:
        telling = len(at_home) >= _TELLING_PHONE
        yield Wanted(at_home, _GAP_IN_PHONE, telling)
        yield Wanted(f"0{at_home}", _GAP_IN_PHONE, telling)
