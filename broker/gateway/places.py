"""Places for what goes on for a while: so many in all, of a unit, and of one credential."""

import weakref
from collections.abc import Mapping


class Full(Exception):
    """There is no place left.

    Attributes:
        kind: Of which bound: what it is counted by.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Place:
    """One place, taken until it is given back, or forgotten by whoever has it.

    Args:
        names: What it is counted by: kind and name.
    """

    def __init__(self, names: tuple[tuple[str, str], ...]) -> None:
        self.names = names


class Places:
    """Places that are taken and given back.

    Args:
        most: By kind of name, the most that one name may have, such as ``unit``. Kinds are
            looked at in this order.
    """

    def __init__(self, most: Mapping[str, int]) -> None:
        self._most = dict(most)
        # Who goes before it has begun is only dropped, and its place with it.
        self._taken: dict[tuple[str, str], weakref.WeakSet[Place]] = {}

    def take(self, names: Mapping[str, str]) -> Place:
        """Return a place, counted for each of *names* by kind.

        Raises:
            Full: One of them has as many as it may.
        """
        for kind, most in self._most.items():
            if len(self._taken.get((kind, names[kind]), ())) >= most:
                raise Full(kind)
        place = Place(tuple((kind, names[kind]) for kind in self._most))
        for name in place.names:
            self._taken.setdefault(name, weakref.WeakSet()).add(place)
        return place

    def give_back(self, place: Place) -> None:
        """Free *place*."""
        for name in place.names:
            taken = self._taken.get(name)
            if taken is not None:
                taken.discard(place)
                if not taken:
                    del self._taken[name]
