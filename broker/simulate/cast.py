"""Who acts in a scenario: the publishing units of a community, by kind."""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Protocol

from broker.model.codes import RecipientClass
from broker.model.community import Feed, Unit


class Community(Protocol):
    """What a scenario needs to know of a community."""

    @property
    def units(self) -> Mapping[str, Unit]:
        """Units by id."""

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """Active feeds by id."""


class Cast:
    """Units that publish, and units that can be named as recipients.

    Raises:
        ValueError: No unit of the community publishes.
    """

    def __init__(self, units: Iterable[Unit], feeds: Iterable[Feed]) -> None:
        self._publishing = sorted((unit for unit in units if unit.publishes), key=_by_id)
        self._receiving = sorted({feed.unit for feed in feeds})
        if not self._publishing:
            raise ValueError("no unit of this community publishes")

    @classmethod
    def of(cls, community: Community) -> "Cast":
        """Return the cast that *community* can put on."""
        return cls(community.units.values(), community.feeds.values())

    def publisher(self, random: Random, *kinds: RecipientClass, near: Iterable[str] = ()) -> Unit:
        """Return a unit that publishes, of the first of *kinds* that has any, else of any kind.

        One in a country of *near* is preferred: agencies write about what they see.
        """
        for kind in kinds:
            if fitting := [unit for unit in self._publishing if unit.kind is kind]:
                at_hand = [unit for unit in fitting if unit.country in set(near)]
                return random.choice(at_hand or fitting)
        return random.choice(self._publishing)

    def named(self, random: Random, most: int = 2) -> tuple[str, ...]:
        """Return ids of one or more receiving units, for TLP:RED."""
        return tuple(sorted(random.sample(self._receiving, min(most, len(self._receiving)))))


def _by_id(unit: Unit) -> str:
    return unit.id
