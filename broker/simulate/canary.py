"""Canaries: marks in every text of every compartment, by which a leak is found in bytes.

A canary reads ``CNRY-<first eight hex digits of the alert id>-<compartment>-<number>``. The
number is the revision times a hundred, plus a counter, so a text of an old revision can be
told from one of a new one; it has five digits, so that it ends where it ends in binary data
too. In a machine readable zone, where hyphens and lower case cannot be, a canary is written
in capitals with ``<``.
"""

import re
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from broker.model.alert import Alert
from broker.model.compartment import COMPARTMENTS

#: Finds canaries in text, in either way of writing.
CANARY = re.compile(r"CNRY[-<][0-9a-fA-F]{8}[-<][a-zA-Z_]+[-<][0-9]{5}")

#: The same, in bytes.
CANARY_BYTES = re.compile(CANARY.pattern.encode())

_PER_REVISION = 100


class Mint:
    """Makes the canaries of one revision of one alert."""

    def __init__(self, alert_id: UUID, revision: int, start: int = 1) -> None:
        self._alert = alert_id.hex[:8]
        self._base = revision * _PER_REVISION + start - 1
        self._count: Counter[str] = Counter()

    def mark(self, compartment: str) -> str:
        """Return a fresh canary for *compartment*."""
        self._count[compartment] += 1
        number = self._base + self._count[compartment]
        return f"CNRY-{self._alert}-{compartment}-{number:05}"

    def text(self, compartment: str, text: str) -> str:
        """Return *text* with a fresh canary behind it."""
        return f"{text} {self.mark(compartment)}"

    def zone(self, compartment: str) -> str:
        """Return a fresh canary as a machine readable zone can hold it."""
        return self.mark(compartment).upper().replace("-", "<")


def canaries_of(alert: Alert) -> dict[str, str]:
    """Return every canary of *alert* with the compartment that holds it."""
    return {
        canary: name.value
        for name in COMPARTMENTS
        if (content := getattr(alert.compartments, name)) is not None
        for text in texts_in(content.model_dump())
        for canary in CANARY.findall(text)
    }


def canaries_in(data: bytes) -> set[str]:
    """Return every canary found in *data*, whatever it is."""
    return {found.decode() for found in CANARY_BYTES.findall(data)}


def revision_of(canary: str) -> int:
    """Return the revision whose text *canary* marks."""
    return int(re.split("[-<]", canary)[-1]) // _PER_REVISION


def texts_in(value: object) -> Iterator[str]:
    """Yield every text within *value*, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
