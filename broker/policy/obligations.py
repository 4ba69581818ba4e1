"""Obligations: annotations of deciding rules that say what must be done with a release."""

import re
from collections.abc import Mapping

_DURATION = re.compile(r"^([1-9][0-9]{0,4})([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: Every annotation that a rule may carry. Others are refused: a misspelt one is no obligation.
ANNOTATIONS = frozenset({"id", "why", "legal_basis", "acknowledge_within", "hold", "second_line"})


def acknowledge_within_seconds(annotations: Mapping[str, str]) -> int | None:
    """Return how soon a rule demands an acknowledgement, or None if it demands none.

    Raises:
        ValueError: ``@acknowledge_within`` is not a number and one of s, m, h, d.
    """
    wanted = annotations.get("acknowledge_within")
    if wanted is None:
        return None
    found = _DURATION.match(wanted)
    if found is None:
        raise ValueError("@acknowledge_within takes a duration such as 30m")
    return int(found[1]) * _SECONDS[found[2]]
