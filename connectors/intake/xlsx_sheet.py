"""A sheet of an Excel file, read with bounds on everything it could expand to.

What its sender did not see is not read: one visible sheet, or the one that is named, and
nothing hidden unless that is asked for.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from broker.errors import Rejected
from broker.model.reason import Reason
from connectors.intake.sheet import MAX_BYTES, Cell, Chosen, Row, Sheet, within_limits
from connectors.intake.xlsx_hidden import hidden_in

#: All parts of the file together, unpacked, bytes; and how many parts it may have.
MAX_UNPACKED_BYTES = 32 << 20
MAX_PARTS = 500

# Its warnings repeat cells, such as a date that is out of range, to standard error.
warnings.filterwarnings("ignore", module=r"openpyxl\.")

_NOT_A_WORKBOOK = (
    InvalidFileException,
    ParseError,
    zipfile.BadZipFile,
    zlib.error,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def xlsx_sheet(path: Path, chosen: Chosen) -> Sheet:
    """Return the sheet of an Excel file that is *chosen*. Formulas come as their text.

    Its rows raise as this does.

    Raises:
        Rejected: FILE_UNREADABLE, OVERSIZED, ITEMS; SHEETS_SEVERAL, SHEET_UNKNOWN; SHEET_HIDDEN
            for a hidden sheet that holds something.
    """
    with _readable():
        _refuse_bombs(path)
        workbook = load_workbook(path, read_only=True, data_only=False, keep_links=False)
        try:
            sheet = _chosen(workbook.worksheets, chosen)
            rows, columns = (frozenset(), {}) if chosen.hidden else hidden_in(sheet)
        except BaseException:
            workbook.close()
            raise
    return Sheet(_rows(workbook, sheet), rows, columns)


def rows_of_xlsx(path: Path) -> Iterator[Row]:
    """Yield the rows of the one visible sheet.

    Raises:
        Rejected: As `xlsx_sheet`.
    """
    yield from xlsx_sheet(path, Chosen()).rows


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _NOT_A_WORKBOOK:
        # openpyxl answers a damaged file with whatever error it stumbles into.
        raise Rejected(Reason.FILE_UNREADABLE) from None


def _rows(workbook: Any, sheet: Any) -> Iterator[Row]:
    with _readable():
        try:
            for number, cells in _cells(sheet):
                yield within_limits(number, tuple(_plain(cell) for cell in cells))
        finally:
            workbook.close()


def _cells(sheet: Any) -> Iterator[tuple[int, tuple[object, ...]]]:
    sheet.reset_dimensions()  # what the file claims of its size may be anything
    yield from enumerate(sheet.iter_rows(values_only=True), start=1)


def _chosen(sheets: Sequence[Any], chosen: Chosen) -> Any:
    if chosen.sheet is not None:
        return _named(sheets, chosen)
    filled = [
        (place, each)
        for place, each in enumerate(sheets, start=1)
        if _is_visible(each) or _holds_anything(each)
    ]
    hidden = [place for place, each in filled if not _is_visible(each)]
    if hidden and not chosen.hidden:
        raise Rejected(Reason.SHEET_HIDDEN, f"sheet {hidden[0]}")
    if not filled:
        raise Rejected(Reason.EMPTY)
    said = [(place, each) for place, each in filled if _holds_anything(each)]
    if len(said) > 1:
        raise Rejected(Reason.SHEETS_SEVERAL, f"sheet {said[1][0]}")
    return (said or filled)[0][1]


def _named(sheets: Sequence[Any], chosen: Chosen) -> Any:
    for place, each in enumerate(sheets, start=1):
        if chosen.sheet in (each.title, str(place)):
            if not (_is_visible(each) or chosen.hidden):
                raise Rejected(Reason.SHEET_HIDDEN, f"sheet {place}")
            return each
    raise Rejected(Reason.SHEET_UNKNOWN)


def _is_visible(sheet: Any) -> bool:
    return bool(sheet.sheet_state == "visible")


def _holds_anything(sheet: Any) -> bool:
    for number, cells in _cells(sheet):
        if any(cell not in (None, "") for cell in within_limits(number, tuple(cells))[1]):  # type: ignore[arg-type]
            return True
    return False


def _plain(cell: object) -> Cell:
    # bool, int, float, date and datetime stay; anything else of openpyxl's is its text.
    return cell if isinstance(cell, Cell) else str(cell)


def _refuse_bombs(path: Path) -> None:
    if path.stat().st_size > MAX_BYTES:
        raise Rejected(Reason.OVERSIZED)
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        # zipfile never unpacks more than a part's header claims.
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
            raise Rejected(Reason.OVERSIZED)
        for part in parts:
            if part.filename.endswith((".xml", ".rels")):
                _refuse_entities(archive.read(part))


def _refuse_entities(xml: bytes) -> None:
    # Office writes no document types, and entities could expand without end. In UTF-16
    # they could not be seen, and Office does not write that either.
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml or b"\0" in xml[:4]:
        raise Rejected(Reason.FILE_UNREADABLE)
