"""The same alerts under two bundles, by the engine: ordinary ones, and labels as recorded."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.errors import Rejected
from broker.model.compartment import compartments_in
from broker.model.decision import Outcome, Verdict
from broker.model.label import Distribution, Label
from broker.model.reason import Reason
from broker.policy.bundle import Bundle
from broker.policy.decide import Decider, view_of
from broker.policy.ordinary.alerts import read_ordinary, views_of
from broker.policy.ordinary.reach import outcomes_of
from broker.wire.refusal import validated

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Replayed:
    """What one feed gains and loses of one alert.

    Attributes:
        alert: Which alert, in words.
        gained: What it sees under the new bundle only; ``receive`` among it.
        lost: What it saw under the old one only.
    """

    alert: str
    feed: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


def ordinary_views(bundle: Bundle) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every ordinary alert of *bundle*: what it is, and its view."""
    for _, alert in read_ordinary(bundle.folder):
        for said, view in views_of(alert):
            yield f"{alert.name} ({said})" if said else alert.name, view


def recorded_views(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the labels in *file*, one JSON object a line: ``label``, and ``distribution``.

    Raises:
        Rejected: The file cannot be read, or a line is no label.
    """
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise Rejected(Reason.FILE_UNREADABLE, file.name) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{file.name}:{number}"
        try:
            row = json.loads(line)
        except ValueError:
            raise Rejected(Reason.JSON_SYNTAX, where) from None
        given = row if isinstance(row, dict) else {}
        label = validated(Label, given.get("label"), where)
        yield where, view_of(label, validated(Distribution, given.get("distribution") or {}, where))


def replayed(
    old: Bundle, new: Bundle, views: Iterable[tuple[str, dict[str, Any]]]
) -> Iterator[Replayed]:
    """Yield what each feed gains and loses of *views* under *new*."""
    before, after = Decider(old), Decider(new)
    for said, view in views:
        saw, sees = _seen(before, view), _seen(after, view)
        for feed in sorted({*saw, *sees}):
            one, other = saw.get(feed, _NOTHING), sees.get(feed, _NOTHING)
            if one != other:
                yield Replayed(said, feed, tuple(sorted(other - one)), tuple(sorted(one - other)))


def _seen(decider: Decider, view: dict[str, Any]) -> dict[str, frozenset[str]]:
    return {feed: _parts(outcome) for feed, outcome in outcomes_of(decider, view).items()}


def _parts(outcome: Outcome) -> frozenset[str]:
    if outcome.verdict is Verdict.WITHHOLD:
        return _NOTHING
    return frozenset(("receive", *(n.value for n in compartments_in(outcome.compartments))))
