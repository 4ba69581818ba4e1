"""The same alerts under two bundles, by the engine: ordinary ones, and labels as recorded."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from broker.errors import Rejected
from broker.model.compartment import ALL_COMPARTMENTS, compartments_in, mask_of
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


class Replay(NamedTuple):
    """One alert to decide again.

    Attributes:
        said: Which, in words.
        view: Its label and distribution.
        filled: Mask of the compartments that it fills.
    """

    said: str
    view: dict[str, Any]
    filled: int = ALL_COMPARTMENTS


def ordinary_views(bundle: Bundle) -> Iterator[Replay]:
    """Yield every ordinary alert of *bundle*."""
    for _, alert in read_ordinary(bundle.folder):
        for said, view in views_of(alert):
            which = f"{alert.name} ({said})" if said else alert.name
            yield Replay(which, view, mask_of(alert.filled))


def recorded_views(file: Path) -> Iterator[Replay]:
    """Yield the labels in *file*, one JSON object a line: ``label``, and ``distribution``.

    They may fill any compartment: a file of labels does not say.

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
        wishes = validated(Distribution, given.get("distribution") or {}, where)
        yield Replay(where, view_of(label, wishes))


def replayed(old: Bundle, new: Bundle, views: Iterable[Replay]) -> Iterator[Replayed]:
    """Yield what each feed gains and loses of *views* under *new*."""
    before, after = Decider(old), Decider(new)
    for one in views:
        saw, sees = _seen(before, one), _seen(after, one)
        for feed in sorted({*saw, *sees}):
            had, has = saw.get(feed, _NOTHING), sees.get(feed, _NOTHING)
            if had != has:
                gained, lost = tuple(sorted(has - had)), tuple(sorted(had - has))
                yield Replayed(one.said, feed, gained, lost)


def _seen(decider: Decider, one: Replay) -> dict[str, frozenset[str]]:
    outcomes = outcomes_of(decider, one.view, one.filled)
    return {feed: _parts(outcome) for feed, outcome in outcomes.items()}


def _parts(outcome: Outcome) -> frozenset[str]:
    if outcome.verdict is Verdict.WITHHOLD:
        return _NOTHING
    return frozenset(("receive", *(n.value for n in compartments_in(outcome.compartments))))
