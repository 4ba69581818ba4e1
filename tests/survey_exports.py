"""Exports of the HTCDS form as survey tools write them, from the form itself.

KoBoToolbox: CSV parted by semicolons, all in quotes, with a byte-order mark; or XLSX. Names or
labels; choices in one column, in columns of their own, or both; groups before names or not.
ODK Central: CSV by commas, names alone, choices split or not.
"""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import openpyxl

_SPACE = "{http://www.w3.org/2002/xforms}"
KOBO_OWN = {
    "start": "2026-03-01T10:00:00.000+11:00", "end": "2026-03-01T10:20:00.000+11:00",
    "today": "2026-03-01", "username": "enumerator7", "deviceid": "ee.kobo:1", "__version__": "v",
    "meta/instanceID": "uuid:1", "meta/rootUuid": "uuid:1", "formhub/uuid": "f", "_id": "412",
    "_uuid": "1", "_submission_time": "2026-03-01T00:00:00", "_validation_status": "",
    "_notes": "", "_status": "submitted_via_web", "_submitted_by": "", "_tags": "",
    "_attachments": "", "_geolocation": "", "_xform_id_string": "a", "_index": "1",
}  # fmt: skip
CENTRAL_OWN = {
    "SubmissionDate": "2026-03-01T00:00:00.000Z", "start": "2026-03-01T10:00:00.000+11:00",
    "end": "2026-03-01T10:20:00.000+11:00", "__version__": "v", "meta-instanceID": "uuid:1",
    "KEY": "uuid:1", "SubmitterID": "12", "SubmitterName": "Enumerator",
    "AttachmentsPresent": "0", "AttachmentsExpected": "0", "Status": "", "ReviewState": "approved",
    "DeviceID": "d", "Edits": "0", "FormVersion": "v",
}  # fmt: skip


class Question(NamedTuple):
    name: str
    label: str
    kind: str
    options: tuple[tuple[str, str], ...]


def questions(form: Path) -> list[Question]:
    """Return the questions of the form, in its order."""
    found = []
    for each in ElementTree.parse(form).getroot().iter():
        if ref := each.get("ref"):
            options = tuple(
                (item.findtext(_SPACE + "value"), item.findtext(_SPACE + "label"))
                for item in each.iter(_SPACE + "item")
            )
            kind = each.tag.removeprefix(_SPACE)
            found.append(
                Question(ref.rpartition("/")[2], each.findtext(_SPACE + "label"), kind, options)
            )
    return found


@dataclass(frozen=True)
class Export:
    """How a tool was told to export."""

    tool: str
    labels: bool = False
    split: str = "no"  # no, yes, both
    group: str = ""
    own: dict[str, str] = field(default_factory=dict)

    def row(self, asked, answers: dict[str, object]) -> list[tuple[str, str]]:
        """Return headers and cells of one submission, in their order; *answers* hold codes."""
        own = CENTRAL_OWN if self.tool == "central" else KOBO_OWN
        cells = list(own.items())[:3]
        for each in asked:
            cells += self._cells(each, answers.get(each.name, ""))
        return [*cells, *list(own.items())[3:]]

    def _cells(self, each: Question, answer):
        mark = "-" if self.tool == "central" else "/"
        name = each.label if self.labels else each.name
        header = f"{self.group}{mark}{name}" if self.group else name
        said = {code: label if self.labels else code for code, label in each.options}
        if each.kind != "select":
            return [(header, said.get(answer, str(answer)))]
        chosen = list(answer or ())
        one = (header, " ".join(said[code] for code in chosen))
        each_own = [
            (f"{header}/{said[code]}", str(int(code in chosen))) for code, _ in each.options
        ]
        return {"no": [one], "yes": each_own, "both": [one, *each_own]}[self.split]


def written(path: Path, export: Export, rows: list[list[tuple[str, str]]]) -> Path:
    """Write *rows* as the tool does; the end of the name says which form."""
    headers = [header for header, _ in rows[0]]
    values = [[cell for _, cell in row] for row in rows]
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        book.active.title = "htcds_xlsform"
        for row in [headers, *values]:
            book.active.append([int(c) if c in ("0", "1") else c or None for c in row])
        book.save(path)
        return path
    out = io.StringIO()
    kobo = export.tool == "kobo"
    quoting = csv.QUOTE_ALL if kobo else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=";" if kobo else ",", quoting=quoting)
    writer.writerows([headers, *values])
    path.write_bytes(out.getvalue().encode("utf-8-sig" if kobo else "utf-8"))
    return path
