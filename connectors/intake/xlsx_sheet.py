"""The first sheet of an Excel file, read with bounds on everything it could expand to."""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from broker.errors import Rejected
from broker.model.reason import Reason
from connectors.intake.sheet import MAX_BYTES, Cell, Row, within_limits

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


def rows_of_xlsx(path: Path) -> Iterator[Row]:
    """Yield the rows of the first sheet. Formulas come as their text.

    Raises:
        Rejected: FILE_UNREADABLE, OVERSIZED, or ITEMS.
    """
    try:
        _refuse_bombs(path)
        yield from _rows(path)
    except _NOT_A_WORKBOOK:
        # openpyxl answers a damaged file with whatever error it stumbles into.
        raise Rejected(Reason.FILE_UNREADABLE) from None


def _rows(path: Path) -> Iterator[Row]:
    workbook = load_workbook(path, read_only=True, data_only=False, keep_links=False)
    try:
        sheet = workbook.worksheets[0]
        sheet.reset_dimensions()  # what the file claims of its size may be anything
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            yield within_limits(number, tuple(_plain(cell) for cell in cells))
    finally:
        workbook.close()


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
