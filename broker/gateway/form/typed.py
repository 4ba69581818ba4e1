"""What somebody typed into the form, as it came; only fields that the form has."""

import re
import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from fastapi import Request

from broker.gateway.bodies import media_type, read_body
from broker.gateway.form.questions import MANY_LINES, SEVERALS, SINGLES, TEXTS
from broker.gateway.problems import Problem
from broker.model.reason import Reason
from broker.model.text import typed_text

#: Largest body of the form, bytes: several times what all fields hold.
_MOST_BYTES = 64 << 10
_MOST_FIELDS = 120
_DRAFT = re.compile(r"[0-9a-f]{32}")


class Typed:
    """The fields of one report.

    Attributes:
        draft: Names this report, so that it is published once however often it is sent.
    """

    def __init__(self, values: Mapping[str, tuple[str, ...]], draft: str | None = None) -> None:
        self._values = values
        self.draft = draft or secrets.token_hex(16)

    def __repr__(self) -> str:
        return "Typed()"

    def __bool__(self) -> bool:
        return bool(self._values)

    def one(self, name: str) -> str:
        """Return the answer of a field; empty if there is none."""
        return next(iter(self._values.get(name, ())), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return all answers of a field."""
        return self._values.get(name, ())

    def has(self, name: str, value: str) -> bool:
        """Whether *value* is among the answers of a field."""
        return value in self._values.get(name, ())

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield all that was typed, to be carried from page to page."""
        yield "draft", self.draft
        for name, values in self._values.items():
            yield from ((name, value) for value in values)

    def anew(self) -> "Typed":
        """Return the same as a report of its own."""
        return Typed(self._values)

    def body(self) -> bytes:
        """Return what was typed as bytes that tell it from anything else."""
        return "\0".join(part for pair in sorted(self.pairs()) for part in pair).encode()


async def fields_in(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form that was sent, as they came.

    Raises:
        Problem: 415 for another media type, 413 for too much, 400 if it cannot be read.
    """
    if media_type(request) != "application/x-www-form-urlencoded":
        raise Problem(415, "MEDIA_TYPE_UNKNOWN")
    body = await read_body(request, _MOST_BYTES)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise Problem(400, Reason.FIELD_INVALID.value) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def typed_in(fields: Mapping[str, list[str]]) -> Typed:
    """Return what was typed into the fields of a report."""
    values: dict[str, tuple[str, ...]] = {}
    for name in TEXTS:
        text = typed_text(next(iter(fields.get(name, ())), ""))
        if name not in MANY_LINES:
            text = " ".join(text.split())
        if text:
            values[name] = (text,)
    for name, choices in {**SINGLES, **SEVERALS}.items():
        known = {choice.value for choice in choices if choice.value}
        chosen = tuple(dict.fromkeys(each for each in fields.get(name, ()) if each in known))
        if chosen:
            values[name] = chosen if name in SEVERALS else chosen[:1]
    draft = fields.get("draft", [""])[0]
    return Typed(values, draft if _DRAFT.fullmatch(draft) else None)
