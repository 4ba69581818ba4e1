"""A sheet as rows of cells, from CSV or from a spreadsheet."""

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
