"""CSV as Excel and others write it: comma, semicolon or tab; UTF-8 or UTF-16."""

import csv
import io
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path

from broker.errors import Rejected
from broker.model.reason import Reason
from connectors.intake.sheet import MAX_BYTES, Row, Sheet, within_limits

_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_MARKS = ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))


def csv_sheet(path: Path) -> Sheet:
    """Return a CSV file as a sheet: nothing in it is hidden.

    Its rows raise as `rows_of_csv`.
    """
    return Sheet(rows_of_csv(path))


def rows_of_csv(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file.

    Raises:
        Rejected: FILE_UNREADABLE, OVERSIZED, ITEMS, or NOT_UTF8: older code pages cannot be
            told apart, and a guess would spoil names. Excel writes "CSV UTF-8".
    """
    text = _text(path)
    first, _, rest = text.partition("\n")
    delimiter = None
    if first.lower().startswith("sep=") and len(first.strip()) == len("sep=,"):
        # Excel's own way to say what parts the cells; it is no row of the sheet.
        delimiter, text = first[4], rest
    delimiter = delimiter or _delimiter(first)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            yield within_limits(number, tuple(cells))
    except csv.Error:
        raise Rejected(Reason.FILE_UNREADABLE) from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        raise Rejected(Reason.FILE_UNREADABLE) from None
    if len(data) > MAX_BYTES:
        raise Rejected(Reason.OVERSIZED)
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Rejected(Reason.NOT_UTF8) from None


def _delimiter(header: str) -> str:
    # Labels in quotes may hold commas and semicolons themselves.
    return max(_DELIMITERS, key=_QUOTED.sub("", header).count)
