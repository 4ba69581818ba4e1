"""Lali JSON (one document a file) and JSON Lines (one document a line), read strictly.

Refused: a key that occurs twice, NaN and infinities, text that is no UTF-8 or holds half a
surrogate pair, nesting and sizes beyond the limits. Python's own reader takes all of these,
and of two equal keys the last: a check on the first would have checked nothing.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from broker.errors import Rejected
from broker.model import content
from broker.model.alert import Alert, Compartments
from broker.model.base import Model
from broker.model.label import Distribution, Label
from broker.model.reason import Reason
from connectors.intake import Found

#: Largest document, bytes. An alert may have 256 KiB on the wire; JSON says it in more words.
MAX_BYTES = 1 << 20
#: Deepest nesting of a document. An alert needs 7.
MAX_DEPTH = 16

Draft = Mapping[str, Any]

_CONTENT = [
    kind for kind in vars(content).values() if isinstance(kind, type) and issubclass(kind, Model)
]
_MODELS: list[type[Model]] = [Alert, Label, Distribution, Compartments, *_CONTENT]
_NAMES = {name for model in _MODELS for name in model.model_fields} | {"persons", "documents"}


class _Repeated:
    """Stands in a document for an object with a key that occurs twice."""


def read_document(path: Path) -> Iterator[Found]:
    """Yield the one document of *path*.

    Raises:
        Rejected: FILE_UNREADABLE.
    """
    with _opened(path) as file:
        yield _found(1, file.read(MAX_BYTES + 1))


def read_lines(path: Path) -> Iterator[Found]:
    """Yield the documents of *path*, one a line; empty lines are passed over.

    Raises:
        Rejected: FILE_UNREADABLE.
    """
    with _opened(path) as file:
        for number, line in enumerate(_lines(file), start=1):
            if line.strip():
                yield _found(number, line)


def parse(document: bytes) -> Draft:
    """Return *document* as a draft.

    Raises:
        Rejected: OVERSIZED, NOT_UTF8, DEPTH, JSON_SYNTAX, NOT_FINITE, DUPLICATE_KEY, or
            FIELD_INVALID where it is no object.
    """
    if len(document) > MAX_BYTES:
        raise Rejected(Reason.OVERSIZED)
    draft = _read(document)
    _refuse_within(draft, "")
    if not isinstance(draft, dict):
        raise Rejected(Reason.FIELD_INVALID)
    return draft


def parse_array(document: bytes) -> list[Draft | Rejected]:
    """Return the drafts in *document*, a JSON array; one that is refused stops no other.

    Its size is for the caller to bound.

    Raises:
        Rejected: As `parse`, where the array itself cannot be read, or is none.
    """
    drafts = _read(document)
    if not isinstance(drafts, list):
        raise Rejected(Reason.FIELD_INVALID)
    return [_checked(draft) for draft in drafts]


def _checked(draft: Any) -> Draft | Rejected:
    try:
        _refuse_within(draft, "")
    except Rejected as rejected:
        return rejected
    return draft if isinstance(draft, dict) else Rejected(Reason.FIELD_INVALID)


def _read(document: bytes) -> Any:
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Rejected(Reason.NOT_UTF8) from None
    _refuse_depth(text)
    return _parsed(text)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError:
        raise Rejected(Reason.FILE_UNREADABLE) from None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    # A line that is too long is read on, not kept: its head is enough to refuse it.
    while line := file.readline(MAX_BYTES + 2):
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_BYTES)):
            pass
        yield line.rstrip(b"\r\n")


def _found(number: int, document: bytes) -> Found:
    try:
        return Found(number, draft=parse(document))
    except Rejected as refusal:
        return Found(number, refusal=refusal)


def _parsed(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_not_finite, parse_float=_finite
        )
    except Rejected:
        raise
    except (ValueError, RecursionError):
        raise Rejected(Reason.JSON_SYNTAX) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Repeated:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _Repeated()


def _not_finite(_constant: str) -> NoReturn:
    raise Rejected(Reason.NOT_FINITE)


def _finite(number: str) -> float:
    if not math.isfinite(parsed := float(number)):
        raise Rejected(Reason.NOT_FINITE)
    return parsed


def _refuse_depth(text: str) -> None:
    # Counted before parsing: json.loads recurses. Brackets within strings do not count.
    depth = 0
    within = escaped = False
    for char in text:
        if within:
            within = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            within = True
        elif char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Rejected(Reason.DEPTH)
        elif char in "]}":
            depth -= 1


def _refuse_within(value: Any, path: str) -> None:
    if isinstance(value, _Repeated):
        raise Rejected(Reason.DUPLICATE_KEY, path)
    if isinstance(value, str):
        _refuse_half_pairs(value, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _refuse_half_pairs(name, path)
            # A name that is no field's may be anything, a person's too.
            _refuse_within(inner, f"{path}.{name if name in _NAMES else '?'}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_within(inner, f"{path}[{index}]")


def _refuse_half_pairs(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Rejected(Reason.NOT_UTF8, path) from None
