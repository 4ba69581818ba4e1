"""A sheet as rows of cells, from CSV or from a spreadsheet."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from broker.errors import Rejected
from broker.model.reason import Reason

#: What a cell may hold. A formula is its own text, and is never computed.
Cell = str | int | float | bool | date | datetime | None

#: One row, with its number as the sheet shows it, counted from 1.
Row = tuple[int, tuple[Cell, ...]]

#: Largest sheet: file, bytes; rows; columns.
MAX_BYTES = 32 << 20
MAX_ROWS = 20_000
MAX_COLUMNS = 200


#: The most digits of a number that a spreadsheet keeps (IEEE 754 binary64: 15).
_MOST_EXACT = 10**15
_SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d{1,3}")
#: Line ends, and what cannot be seen and no sheet's cell needs.
_LINE_END = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
_LETTERS = 26


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is read of a spreadsheet.

    Attributes:
        sheet: Its title, or its number counted from 1; None: the one visible sheet.
        hidden: What is hidden in it is meant to be published, too.
    """

    sheet: str | None = None
    hidden: bool = False


@dataclass(slots=True)
class Sheet:
    """One sheet.

    Attributes:
        rows: Its rows, in order.
        hidden_rows: Numbers of hidden rows that hold something.
        hidden_columns: Places of hidden columns, from 0, with the last row that holds something.
    """

    rows: Iterator[Row]
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: Mapping[int, int] = field(default_factory=dict)

    def refuse_hidden(self, header_end: int) -> None:
        """Refuse what is hidden below the header: whoever sent the sheet did not see it.

        Raises:
            Rejected: SHEET_HIDDEN, with the first row or column.
        """
        rows = [number for number in self.hidden_rows if number > header_end]
        if rows:
            raise Rejected(Reason.SHEET_HIDDEN, f"row {min(rows)}")
        places = [place for place, last in self.hidden_columns.items() if last > header_end]
        if places:
            raise Rejected(Reason.SHEET_HIDDEN, f"column {letters_of(min(places))}")


def letters_of(place: int) -> str:
    """Return the letters of the column at *place*, from 0, as spreadsheets show them."""
    letters, left = "", place + 1
    while left:
        left, letter = divmod(left - 1, _LETTERS)
        letters = chr(ord("A") + letter) + letters
    return letters


def check_cell(cell: Cell, number: int, place: int) -> None:
    """Refuse a cell that does not hold what was typed into it.

    A line break is how a stray quote in CSV swallows the rows behind it, and a long number has
    lost its last digits, which may be an identity's.

    Raises:
        Rejected: TEXT_LINE_BREAK, TEXT_CONTROL or NUMBER_LOSSY, with the name of the cell.
    """
    match cell:
        case str():
            reason = _fault_in(cell)
        case bool():
            reason = None
        case int() | float():
            reason = Reason.NUMBER_LOSSY if abs(cell) >= _MOST_EXACT else None
        case _:
            reason = None
    if reason is not None:
        raise Rejected(reason, f"cell {letters_of(place)}{number}")


def _fault_in(text: str) -> Reason | None:
    if _LINE_END.search(text.strip()):
        return Reason.TEXT_LINE_BREAK
    if _CONTROL.search(text):
        return Reason.TEXT_CONTROL
    return Reason.NUMBER_LOSSY if _SHORTENED.fullmatch(text.strip()) else None


def within_limits(number: int, cells: tuple[Cell, ...]) -> Row:
    """Return the row, with trailing empty cells dropped.

    Raises:
        Rejected: ITEMS; the sheet has more rows or columns than a sheet of cases has.
    """
    end = len(cells)
    while end and cells[end - 1] in (None, ""):
        end -= 1
    if number > MAX_ROWS or end > MAX_COLUMNS:
        raise Rejected(Reason.ITEMS)
    return number, cells[:end]
