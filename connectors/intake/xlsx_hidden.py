"""Hidden rows and columns of a sheet in an Excel file (ECMA-376, part 1, 18.3.1).

openpyxl's reader of large files does not tell of them, so the sheet's own XML is asked.
"""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, iterparse

from openpyxl.utils.cell import coordinate_from_string

_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_TRUE = ("1", "true")
_LETTERS = 26
#: Columns that a sheet may have.
_MOST = 16_384


def hidden_in(sheet: Any) -> tuple[frozenset[int], dict[int, int]]:
    """Return what is hidden in *sheet* and holds something.

    Returns:
        Numbers of rows, and places of columns from 0, each with its last row that holds
        something.
    """
    rows: set[int] = set()
    columns: dict[int, int] = {}
    places: frozenset[int] = frozenset()
    by_default = False
    with sheet._get_source() as source:  # noqa: SLF001 - the public way reads cells alone
        for element in _elements(source):
            match element.tag.removeprefix(_SPACE):
                case "sheetFormatPr":
                    by_default = element.get("zeroHeight") in _TRUE
                case "cols":
                    places = _hidden_places(element)
                case "row":
                    number = int(element.get("r") or len(rows) + 1)
                    filled = list(_filled(element))
                    hidden = element.get("hidden")
                    if filled and (hidden in _TRUE or (by_default and hidden is None)):
                        rows.add(number)
                    columns |= dict.fromkeys(places.intersection(filled), number)
                    element.clear()
    return frozenset(rows), columns


def _elements(source: Any) -> Iterator[Element]:
    wanted = {_SPACE + name for name in ("sheetFormatPr", "cols", "row")}
    # Entities and document types were refused before (`xlsx_sheet`).
    return (element for _, element in iterparse(source) if element.tag in wanted)  # noqa: S314


def _hidden_places(cols: Element) -> frozenset[int]:
    hidden: set[int] = set()
    for each in cols:
        if each.get("hidden") in _TRUE:
            first, last = int(each.get("min", 1)), int(each.get("max", 1))
            hidden.update(range(first - 1, min(last, _MOST)))
    return frozenset(hidden)


def _filled(row: Element) -> Iterator[int]:
    """Yield the places of the cells of *row* that hold something."""
    place = -1
    for cell in row:
        named = cell.get("r")
        place = _place_of(named) if named else place + 1
        if any(part.text or len(part) for part in cell):
            yield place


def _place_of(name: str) -> int:
    place = 0
    for letter in coordinate_from_string(name)[0]:
        place = place * _LETTERS + ord(letter) - ord("A") + 1
    return place - 1
