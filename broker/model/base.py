"""What all models share: frozen, strict about names, silent about values."""

import base64
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from broker.model.codelists import COUNTRIES, among
from broker.model.text import coded_lines, free_text, line_text


class Model(BaseModel):
    """Base of every model that people write or read.

    Values never appear in error texts: pydantic would print them into logs otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _in_utc_milliseconds(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:  # in year 1 or 9999, and beyond it in UTC
        raise ValueError("a time beyond the calendar") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _is_base64(text: str) -> str:
    base64.b64decode(text, validate=True)  # raises ValueError
    return text


#: Bytes as base64, canonical alphabet.
Base64 = Annotated[str, AfterValidator(_is_base64)]

#: A moment in UTC, to the millisecond (what Avro's timestamp-millis carries).
Moment = Annotated[datetime, AfterValidator(_in_utc_milliseconds)]

#: Id of a unit, organisation, community or feed: lower case, digits and hyphens; it becomes
#: part of topic, group and file names, so nothing else is allowed in it.
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]

#: A short text that stays within one line.
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(line_text)]

#: Free text, with lines.
Text = Annotated[str, StringConstraints(min_length=1, max_length=8000), AfterValidator(free_text)]

#: A machine readable zone (ICAO 9303), its lines parted by a line feed.
Zone = Annotated[
    str, StringConstraints(pattern=r"^[A-Z0-9<\n]{1,100}$"), AfterValidator(coded_lines)
]

#: ISO 3166-1 alpha-2 country code.
Country = Annotated[str, AfterValidator(among(COUNTRIES))]

#: ISO 639-3 language code (a superset of ISO 639-2/T).
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]

#: A coded value of a standard that grows by its own rules; policy never reads one.
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$", max_length=80)]
