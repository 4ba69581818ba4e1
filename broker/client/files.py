"""Files that agencies have, as alerts: each document or row an alert, or why it is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.errors import Rejected
from broker.model.alert import Alert
from broker.model.reason import Reason
from broker.pipeline.publish import split
from connectors.intake import Found
from connectors.intake.htcds import read_htcds
from connectors.intake.label_file import read_label_file, sidecar_of
from connectors.intake.lali_json import read_document, read_lines
from connectors.intake.sheet import Chosen

#: Kinds of files that are read, by the end of their names.
DOCUMENTS = (".json",)
LINES = (".jsonl", ".ndjson")
SHEETS = (".csv", ".xlsx")

Draft = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FromFile:
    """One document or row of a file.

    Attributes:
        path: The file.
        line: Line or row, counted from 1; 0 where the whole file was refused.
        alert: What it says; None if refused.
        refusal: Why it was refused.
    """

    path: Path
    line: int
    alert: Alert | None = None
    refusal: Rejected | None = None


def alerts_in(
    path: Path,
    *,
    label_file: Path | None = None,
    label: Mapping[str, Any] | None = None,
    chosen: Chosen | None = None,
) -> Iterator[FromFile]:
    """Yield what *path* holds: Lali JSON, JSON Lines, or HTCDS cases as CSV or spreadsheet.

    Args:
        path: The file; its kind is told by the end of its name.
        label_file: Label and distribution for a sheet, in place of the file beside it.
        label: Fields of the label. In a sheet they go before the label file; in a document
            they fill in only what it does not say.
        chosen: Which sheet of a spreadsheet; None: its one visible sheet, and nothing hidden.
    """
    try:
        for found in _found(path, label_file, label or {}, chosen):
            yield _alert(path, found, label or {})
    except Rejected as refusal:
        yield FromFile(path, 0, refusal=refusal)


def _found(
    path: Path, label_file: Path | None, label: Mapping[str, Any], chosen: Chosen | None
) -> Iterator[Found]:
    match path.suffix.lower():
        case suffix if suffix in DOCUMENTS:
            return read_document(path)
        case suffix if suffix in LINES:
            return read_lines(path)
        case suffix if suffix in SHEETS:
            return read_htcds(path, _base(label_file or sidecar_of(path), label), chosen)
        case _:
            raise Rejected(Reason.FILE_UNREADABLE)


def _base(label_file: Path | None, label: Mapping[str, Any]) -> Draft:
    base = read_label_file(label_file) if label_file else {}
    return {**base, "label": {**base.get("label", {}), **label}}


def _alert(path: Path, found: Found, label: Mapping[str, Any]) -> FromFile:
    if found.draft is None:
        return FromFile(path, found.line, refusal=found.refusal)
    try:
        return FromFile(path, found.line, alert=split(_filled_in(found.draft, label)))
    except Rejected as refusal:
        return FromFile(path, found.line, refusal=refusal)


def _filled_in(draft: Draft, label: Mapping[str, Any]) -> Draft:
    said = draft.get("label", {})
    return {**draft, "label": {**label, **said}} if isinstance(said, Mapping) else draft
