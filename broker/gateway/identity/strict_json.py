"""JSON of strangers: one object, no name twice, no NaN, no depth to fall into, no half letters."""

import json
from typing import Any


class StrictJsonInvalid(ValueError):
    """Not one JSON object, or one that two readers could read differently."""


def read_object(content: bytes) -> dict[str, Any]:
    """Return the object that *content* is.

    Raises:
        StrictJsonInvalid: It is none.
    """
    try:
        found = json.loads(
            content.decode(), object_pairs_hook=_once, parse_constant=_refuse_constant
        )
        # An escape can write half of a surrogate pair, which no text has (RFC 8259 §8.2): whoever
        # encodes it later would fail.
        if b"\\u" in content:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise StrictJsonInvalid("no JSON object") from None
    if not isinstance(found, dict):
        raise StrictJsonInvalid("no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise StrictJsonInvalid("a name appears twice")
    return found


def _refuse_constant(_name: str) -> Any:
    raise StrictJsonInvalid("no number")
