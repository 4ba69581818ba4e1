"""Ways in: files that agencies have, read into drafts of alerts.

Each reader yields one `Found` for each document or row, in order. One that is wrong never
stops its neighbours; only a file that cannot be told apart into documents is refused whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.errors import Rejected


@dataclass(frozen=True, slots=True)
class Found:
    """One document or row of a file.

    Attributes:
        line: Line of the file, or row of the sheet, counted from 1.
        draft: What `broker.pipeline.publish.split` makes an alert of; None if refused.
        refusal: Why it was refused. It names a field or column, and no value.
    """

    line: int
    draft: Mapping[str, Any] | None = None
    refusal: Rejected | None = None
