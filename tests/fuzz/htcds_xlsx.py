"""A sheet of HTCDS cases as Excel writes it."""

import io
import zipfile
from datetime import UTC, datetime

from fuzz.harness import Target, scratch
from fuzz.htcds_csv import FILLED, read_sheet
from openpyxl import Workbook


def read(data):
    file = scratch("cases.xlsx")
    file.write_bytes(data)
    read_sheet(file)


def seeds():
    workbook = Workbook()
    workbook.properties.created = workbook.properties.modified = datetime(2026, 1, 1, tzinfo=UTC)
    workbook.active.append(list(FILLED))
    workbook.active.append(list(FILLED.values()))
    written = io.BytesIO()
    workbook.save(written)
    return {"packed": written.getvalue(), "stored": _stored(written)}


def _stored(written):
    """Return the same file without compression, so that changes reach the XML."""
    again = io.BytesIO()
    with zipfile.ZipFile(written) as packed, zipfile.ZipFile(again, "w") as stored:
        for part in packed.infolist():
            named = zipfile.ZipInfo(part.filename, (2026, 1, 1, 0, 0, 0))
            stored.writestr(named, packed.read(part))
    return again.getvalue()


TARGET = Target(read, seeds, most_bytes=20_000)
