"""Numbers that lead to a person: of documents, zones, phones and handsets."""

import re
from collections.abc import Iterable, Iterator

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from broker.pipeline.identifying.fold import Squeezed, fold

Span = tuple[int, int]

#: Characters between two of a document number, and of a phone number.
_GAP_IN_DOCUMENT, _GAP_IN_PHONE = 1, 3
#: A zone may be filled up to its end.
_GAP_IN_ZONE = 44
_SHORTEST_DOCUMENT, _SHORTEST_PHONE, _SHORTEST_LINE = 4, 5, 8

#: One or two letters and six digits or more, as passports have; not within a longer code.
_LIKE_PASSPORT = re.compile(r"(?<![\w-])[A-Z]{1,2}[0-9]{6,8}[A-Z]?(?![\w-])")
_ANY_NUMBER = re.compile(r"(?<![\w-])(?=[A-Za-z]{0,3}[0-9])[A-Za-z0-9]{5,12}(?![\w-])")
_PAPER = re.compile(
    r"(?:passport|visa|identity card|id card|national id|seaman'?s book|licen[cs]e|permit)"
    r"s?[\s:#.]*(?:number|no|nr|n°|№)?[\s:#.]*(?:is|was)?\s*$",
    re.IGNORECASE,
)
_ZONE = re.compile(r"(?<![A-Z0-9<])[A-Z0-9<]{20,100}(?![A-Z0-9<])")
_FIFTEEN = re.compile(r"(?<![\w-])[0-9](?:[ /-]?[0-9]){14}(?![\w-])")

#: Digits in groups, as phone numbers are written.
_GROUPS = re.compile(r"(?<![\w+-])(?:\(\d{1,4}\)[ -]?)?\d(?:[ -]{0,2}\d){4,14}(?![\w-])")
_LONG_GROUP = re.compile(r"\d{3}")
_DATE = re.compile(r"(?:19|20)\d\d[-/]|\d\d?[- ]\d\d?[- ](?:19|20)\d\d(?!\d)")
_CALLS = re.compile(
    r"(?:phone|tel|telephone|mobile|mob|cell|call|called|ring|text|sms|whatsapp|viber|signal|"
    r"contact|dial|fax|hotline)s?(?:\s+(?:on|at|him|her|them|number|no|is))*[\s:.#]*$",
    re.IGNORECASE,
)
#: What stands before digits that are no phone number.
_COUNTED = re.compile(
    r"(?:\bIMO|MMSI|\bflight|\b[A-Z]{3}|[$€£¥]|\bUSD?|\bno|number|\bcontainer)[\s:.#]*$",
    re.IGNORECASE,
)
_THOUSANDS = re.compile(r"^[0-9]{1,3}(?:[ ,.'][0-9]{3})+$")
_LOOKED_BACK = 40


def own_documents_in(squeezed: Squeezed, numbers: Iterable[str]) -> Iterator[Span]:
    """Yield where one of *numbers* stands, whatever spaces and dots part it."""
    for number in set(numbers):
        wanted = "".join(char for char in fold(number) if char.isalnum())
        if len(wanted) >= _SHORTEST_DOCUMENT:
            yield from squeezed.spans(wanted, _GAP_IN_DOCUMENT)


def own_zones_in(squeezed: Squeezed, zones: Iterable[str]) -> Iterator[Span]:
    """Yield where a line of one of *zones* stands, its fillers written or left out."""
    for line in (line for zone in set(zones) for line in zone.split("\n")):
        wanted = "".join(char for char in fold(line) if char.isalnum())
        if len(wanted) >= _SHORTEST_LINE:
            yield from squeezed.spans(wanted, _GAP_IN_ZONE)


def documents_in(text: str) -> Iterator[Span]:
    """Yield what looks like the number of a passport, or is called the number of a paper."""
    for found in _LIKE_PASSPORT.finditer(text):
        if not found.group().startswith(("IMO", "ETA")):
            yield found.span()
    for found in _ANY_NUMBER.finditer(text):
        if _PAPER.search(text, max(0, found.start() - _LOOKED_BACK), found.start()):
            yield found.span()


def zones_in(text: str) -> Iterator[Span]:
    """Yield lines of machine readable zones (ICAO 9303)."""
    for found in _ZONE.finditer(text):
        if "<<" in found.group() or re.match("[PVIAC]<", found.group()):
            yield found.span()


def handsets_in(text: str) -> Iterator[Span]:
    """Yield IMEI numbers: fifteen digits with a check digit (3GPP TS 23.003)."""
    for found in _FIFTEEN.finditer(text):
        if _luhn([int(char) for char in found.group() if char.isdigit()]):
            yield found.span()


def own_phones_in(squeezed: Squeezed, phones: Iterable[str]) -> Iterator[Span]:
    """Yield where one of *phones* (E.164) stands, internationally or as dialled at home."""
    for phone in set(phones):
        for wanted in _dialled(phone):
            if len(wanted) >= _SHORTEST_PHONE:
                yield from squeezed.spans(wanted, _GAP_IN_PHONE)


def phones_in(text: str, regions: Iterable[str]) -> Iterator[Span]:
    """Yield phone numbers: with a country code, or as dialled within *regions*.

    Pacific numbers have five to seven digits, as sums and counts have. One without a country
    code counts only if the text calls it a phone number or writes it like one.
    """
    for match in PhoneNumberMatcher(text, None, leniency=Leniency.VALID):
        yield match.start, match.end
    tried = sorted(set(regions))
    for found in _GROUPS.finditer(text):
        if _may_be_phone(text, found) and any(_is_valid(found.group(), each) for each in tried):
            yield found.span()


def _dialled(phone: str) -> set[str]:
    digits = phone.removeprefix("+")
    try:
        parsed = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return {digits, f"00{digits}"}
    national = phonenumbers.national_significant_number(parsed)
    return {digits, f"00{digits}", national, f"0{national}"}


def _may_be_phone(text: str, found: re.Match[str]) -> bool:
    written, before = found.group(), text[max(0, found.start() - _LOOKED_BACK) : found.start()]
    if _DATE.match(written) or not _LONG_GROUP.search(written):
        return False
    if written.startswith("00") or _CALLS.search(before):
        return True
    digits = sum(char.isdigit() for char in written)
    parted = digits >= 7 and digits < len(written)
    return parted and not _THOUSANDS.match(written) and not _COUNTED.search(before)


def _is_valid(written: str, region: str) -> bool:
    try:
        number = phonenumbers.parse(re.sub("^00", "+", written), region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number)


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
