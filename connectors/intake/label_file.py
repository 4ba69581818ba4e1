"""What a spreadsheet cannot say: label, distribution and shared compartments, in a file beside it.

``cases.csv`` takes ``cases.csv.label.toml`` or ``cases.csv.label.json``. It holds a draft
without people, which every row of the sheet starts from.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from broker.errors import Rejected
from broker.model.reason import Reason
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
    if len(data) > lali_json.MAX_BYTES:
        raise Rejected(Reason.OVERSIZED)
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise Rejected(Reason.NOT_UTF8) from None
    except (tomllib.TOMLDecodeError, RecursionError):
        raise Rejected(Reason.FILE_UNREADABLE) from None
