"""What a spreadsheet cannot say: label, distribution and shared compartments, in a file beside it.

``cases.csv`` takes ``cases.csv.label.toml`` or ``cases.csv.label.json``. It holds a draft
without people, which every row of the sheet starts from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.toml_tables import MAX_CHARACTERS, TomlInvalid, read_tables
from connectors.intake import lali_json

Draft = Mapping[str, Any]

_PARTS = frozenset({"label", "distribution", "compartments"})
_SUFFIXES = (".label.toml", ".label.json")


def sidecar_of(sheet: Path) -> Path | None:
    """Return the label file beside *sheet*, if there is one."""
    beside = (sheet.with_name(sheet.name + suffix) for suffix in _SUFFIXES)
    return next((path for path in beside if path.is_file()), None)


def read_label_file(path: Path) -> Draft:
    """Return the draft in *path*, TOML or JSON by its name.

    Raises:
        Rejected: FILE_UNREADABLE, a fault of its form, or FIELD_UNKNOWN for anything beside
            label, distribution and compartments.
    """
    try:
        data = path.read_bytes()
    except OSError:
        raise Rejected(Reason.FILE_UNREADABLE) from None
    draft = lali_json.parse(data) if path.suffix == ".json" else _toml(data)
    if not _PARTS.issuperset(draft):
        raise Rejected(Reason.FIELD_UNKNOWN, "?")
    return draft


def _toml(data: bytes) -> Draft:
    if len(data) > MAX_CHARACTERS:
        raise Rejected(Reason.OVERSIZED)
    try:
        return read_tables(data.decode())
    except UnicodeDecodeError:
        raise Rejected(Reason.NOT_UTF8) from None
    except TomlInvalid:
        raise Rejected(Reason.FILE_UNREADABLE) from None
