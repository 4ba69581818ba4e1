"""What routes are asked in paths and queries: strict, and told in OpenAPI as it is taken.

What the framework takes by itself is more than is documented: a number for a moment, say.
"""

import re
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from broker.model import base
from broker.model.codelists import COUNTRIES
from broker.model.reason import Reason

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _as_text(asked: Any) -> Any:
    if isinstance(asked, str) and not _MOMENT.fullmatch(asked):
        raise ValueError(Reason.FIELD_INVALID.value)
    return asked


#: A moment with its zone (RFC 3339).
Moment = Annotated[base.Moment, BeforeValidator(_as_text)]

#: ISO 3166-1 alpha-2 country code.
Country = Annotated[base.Country, WithJsonSchema({"type": "string", "enum": sorted(COUNTRIES)})]

#: A feed; one that cannot be is as absent as one that is not, so nothing is checked here.
FeedId = Annotated[
    str,
    Path(
        description="Id of one of the caller's feeds.",
        json_schema_extra={"pattern": r"^[a-z][a-z0-9-]*$", "maxLength": 64},
    ),
]

#: Where a reader stands. One that is none is CURSOR_INVALID, whatever is wrong with it.
Cursor = Annotated[
    str | None,
    Query(
        max_length=4096,
        description="`next` of a page, or `cursor` of an item.",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]

#: From when on a reader wants to see a feed.
Since = Annotated[Moment | None, Query(description="Begin with what was added after this moment.")]
