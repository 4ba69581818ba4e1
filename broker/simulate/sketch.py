"""A story before it becomes an alert."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from broker.simulate.props import Props


@dataclass(frozen=True)
class Sketch:
    """Who tells a story, and the parts of the alert that it determines."""

    originator: str
    label: dict[str, Any]
    compartments: dict[str, Any]
    distribution: dict[str, Any] = field(default_factory=dict)


Story = Callable[[Props], Sketch]


def case_of(
    sector: str, exploitation: str, origin: list[str], transit: list[str], destination: list[str]
) -> dict[str, Any]:
    """Return the label of an ordinary case: AMBER, from an agency, likely."""
    return {
        "tlp": "AMBER",
        "source_type": "AGENCY",
        "reliability": "B",
        "credibility": "TWO",
        "certainty": "LIKELY",
        "exploitation": (exploitation,),
        "acts": ("RECRUITMENT", "TRANSFER"),
        "means": ("COERCION",),
        "sectors": (sector,),
        "countries_origin": tuple(origin),
        "countries_transit": tuple(transit),
        "countries_destination": tuple(destination),
    }
