"""What a machine readable zone says of its holder (ICAO 9303-4 to -7)."""

import re
from datetime import date
from typing import NamedTuple

from broker.model.check_digits import mrz_digit


class _Layout(NamedTuple):
    """Where fields stand in the lines put together: start and end."""

    number: tuple[int, int]
    optional: tuple[int, int]
    born: tuple[int, int]
    names: tuple[int, int]


#: By how many lines there are, and how long each is. Visas (MRV-A, MRV-B) have the fields of
#: passports and cards of their size in the same places.
_LAYOUTS = {
    (3, 30): _Layout((5, 14), (15, 30), (30, 36), (60, 90)),  # TD1
    (2, 36): _Layout((36, 45), (64, 71), (49, 55), (5, 36)),  # TD2, MRV-B
    (2, 44): _Layout((44, 53), (72, 86), (57, 63), (5, 44)),  # TD3, MRV-A
}
_DIGITS = re.compile(r"[0-9]{6}")


class ZoneFields(NamedTuple):
    """What was read; it may be wrong, or forged.

    Attributes:
        numbers: Number of the document, and what the optional field holds, without fillers.
        names: Words of the holder's name.
        born: Birth date as YYMMDD, where its check digit matches.
    """

    numbers: tuple[str, ...]
    names: tuple[str, ...]
    born: str | None

    def __repr__(self) -> str:
        return "ZoneFields()"

    def born_on(self, today: date) -> date | None:
        """Return the birth date, of the two that its year may mean the one nearer to *today*."""
        if self.born is None:
            return None
        year, month, day = (int(self.born[at : at + 2]) for at in (0, 2, 4))
        century = today.year // 100 * 100
        for full in (century + year, century - 100 + year):
            try:
                found = date(full, month, day)
            except ValueError:
                continue
            if found <= today:
                return found
        return None


def read_zone(mrz: str) -> ZoneFields | None:
    """Return what *mrz* says; None where it has the shape of no travel document."""
    lines = mrz.strip("\n").split("\n")
    layout = _LAYOUTS.get((len(lines), len(lines[0])))
    if layout is None or len({len(line) for line in lines}) > 1:
        return None
    text = "".join(lines)
    numbers = (text[slice(*place)].strip("<") for place in (layout.number, layout.optional))
    words = text[slice(*layout.names)].split("<")
    names = tuple(word for word in words if word.isalpha())  # a name has no digits there
    return ZoneFields(tuple(filter(None, numbers)), names, _born(text, layout))


def _born(text: str, layout: _Layout) -> str | None:
    written, digit = text[slice(*layout.born)], text[layout.born[1]]
    return written if _DIGITS.fullmatch(written) and digit == str(mrz_digit(written)) else None
