"""How the entities of a request relate: which are the same, and which is in which."""

from dataclasses import dataclass
from typing import Any

import z3
from cedarpy import pst

from broker.policy.actions import Groups, action_entity
from broker.policy.proof.errors import NotTranslated
from broker.policy.proof.symbols import UnitSymbols
from broker.policy.proof.values import FALSE, TRUE, Text, any_of, literal, same_text
from broker.policy.proof.worlds import World

_UNITS = ("principal", "originator")


@dataclass(frozen=True)
class Entity:
    """A unit of the request (``principal``, ``originator``), ``resource``, or one by name."""

    role: str
    uid: pst.EntityUid | None = None


class Relations:
    """The entities of requests of one world for one action."""

    def __init__(self, world: World, action: str | None, groups: Groups) -> None:
        self._world = world
        self._groups = groups.get(action, frozenset()) if action else frozenset()
        self._asked = action_entity(action) if action else None

    def same(self, one: Entity, other: Entity) -> z3.BoolRef:
        """Return when two entities are the same."""
        if one == other:
            return TRUE
        if "resource" in (one.role, other.role):
            uids = {entity.uid for entity in (one, other) if entity.uid}
            return TRUE if {str(uid) for uid in uids} == {'Lali::Alert::"alert"'} else FALSE
        if one.role == other.role == "named":
            return FALSE
        return same_text(self._id(one), self._id(other))

    def _id(self, entity: Entity) -> Text:
        if entity.uid is None:
            return self.unit(entity).id
        # A unit's id means nobody where the entity is of another type.
        return literal(entity.uid.id) if entity.uid.type.basename == "Unit" else Text({})

    def unit(self, entity: Entity) -> UnitSymbols:
        """Return the unit that *entity* is.

        Raises:
            NotTranslated: It is none of the request's.
        """
        if entity.role not in _UNITS:
            raise NotTranslated("an attribute of an entity that is spelt out")
        return self._world.principal if entity.role == "principal" else self._world.originator

    def is_in(self, entity: Any, place: Any) -> z3.BoolRef:
        """Return when *entity* is *place*, or in it; or in one of several places."""
        if not isinstance(entity, Entity):
            raise NotTranslated("in asked of something that is no entity")
        if isinstance(place, list):
            return any_of(self.is_in(entity, each) for each in place)
        if not isinstance(place, Entity):
            raise NotTranslated("in something that is no entity")
        same = self.same(entity, place)
        if place.uid is None or entity.role not in _UNITS:
            if entity.uid == self._asked and place.uid is not None:
                return TRUE if place.uid in self._groups else FALSE
            if entity.role == "named":
                raise NotTranslated("whether an entity that is spelt out is in another")
            return same
        key = place.uid.type.basename, place.uid.id
        return any_of((same, self.unit(entity).parents.get(key, FALSE)))

    def is_a(self, entity: Entity, kind: pst.EntityType) -> z3.BoolRef:
        """Return when *entity* is of type *kind*."""
        if entity.uid is not None:
            return TRUE if entity.uid.type == kind else FALSE
        wanted = "Alert" if entity.role == "resource" else "Unit"
        return TRUE if kind.basename == wanted else FALSE
