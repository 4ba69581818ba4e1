"""Views of alerts at random: any value of any attribute, known and unknown."""

import random
from typing import Any

from policy_views import NOWHERE, ordinary

from broker.model.compartment import ALL_COMPARTMENTS
from broker.policy.decide import Decider
from broker.policy.entities import ATTRIBUTES
from broker.policy.facts import Facts

#: Half of the draws of these attributes, or hardly any alert would be released to anybody.
_OPEN = {"status": "ACTUAL", "tlp": "AMBER", "source_type": "AGENCY", "consent": "GIVEN"}


class RandomAlerts:
    """Draws views and facts for the community of *decider*, by *seed*."""

    def __init__(self, decider: Decider, seed: int) -> None:
        self._random = random.Random(seed)
        community = decider.bundle.community
        self._units = sorted(community.units)
        self._names = [
            *self._units, *sorted(community.organisations), *sorted(community.communities),
            "nobody-known",
        ]  # fmt: skip
        self._countries = [
            *sorted({u.country for u in community.units.values() if u.country}),
            "XX",
        ]
        self._plain = ordinary()

    def view(self) -> dict[str, Any]:
        """Return one view."""
        drawn = {name: self._value(name, codes) for name, codes in ATTRIBUTES.items()}
        return self._plain | drawn | {"originator": self._random.choice(self._units)}

    def facts(self) -> Facts:
        """Return facts, most of them that nothing is the matter."""
        filled = self._random.choice((0, self._random.randint(0, ALL_COMPARTMENTS)))
        return Facts(self._random.random() < 0.05, self._random.random() < 0.05, filled)

    def _value(self, name: str, codes: Any) -> Any:
        if codes is None:
            known = self._countries if name.startswith("countries") else self._names
            return self._some(known)
        values = [*codes.__members__, NOWHERE]
        if isinstance(self._plain[name], tuple):
            return self._some(values)
        if name in _OPEN and self._random.random() < 0.5:
            return _OPEN[name]
        return self._random.choice(values)

    def _some(self, values: list[str]) -> tuple[str, ...]:
        # Long lists exclude nearly everybody, so most draws are short or empty.
        count = min(self._random.choice((0, 0, 0, 1, 1, 2, 3)), len(values))
        return tuple(self._random.sample(values, count))
