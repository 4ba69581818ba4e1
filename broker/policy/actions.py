"""Which action groups each action is in, asked of Cedar itself and never read from text.

Slices rest on this: a forbid left out of a slice by mistake would release. So the engine that
decides also says what a scope can match, whichever way the schema writes it.
"""

from collections.abc import Iterable
from typing import Any

import cedarpy
from cedarpy import pst

from broker.model.compartment import COMPARTMENTS

NAMESPACE = "Lali"
ALERT_UID = {"type": f"{NAMESPACE}::Alert", "id": "alert"}

#: Every action: to know that the alert exists, and to see each compartment.
RECEIVE = "receive"
SEE = tuple(f"see_{name.value}" for name in COMPARTMENTS)
ACTIONS = (RECEIVE, *SEE)

#: Per action, its own entity and those of the groups it is in.
Groups = dict[str, frozenset[pst.EntityUid]]

#: A context that fits the schema: what it holds, and of which types.
ANY_CONTEXT: dict[str, Any] = {
    "purpose": "UNKNOWN",
    "operational": False,
    "expired": False,
    "embargoed": False,
}


def request_for(action: str, unit: str, context: dict[str, Any]) -> dict[str, Any]:
    """Return the request whether *unit* may do *action* with the alert in *context*."""
    return {
        "principal": {"type": f"{NAMESPACE}::Unit", "id": unit},
        "action": {"type": f"{NAMESPACE}::Action", "id": action},
        "resource": ALERT_UID,
        "context": context,
    }


def groups_of(schema: cedarpy.Schema, named: Iterable[pst.EntityUid]) -> Groups:
    """Return, per action, which of the *named* action entities it is or is in.

    Raises:
        ValueError: The schema does not know an action, or not with the broker's context.
    """
    entities = cedarpy.Entities.from_json_str("[]", schema)
    asked = [(entity, _permit_in(entity)) for entity in sorted(set(named), key=str)]
    return {
        action: frozenset(e for e, rule in asked if _permits(rule, action, entities, schema))
        for action in ACTIONS
    }


def action_entity(action: str) -> pst.EntityUid:
    """Return the entity of *action*."""
    return pst.EntityUid(pst.EntityType("Action", (NAMESPACE,)), action)


#: The group of everything in which words of somebody's own can stand.
FREE_LINES = action_entity("see_free_lines")


def _permit_in(entity: pst.EntityUid) -> cedarpy.PolicySet:
    anyone = pst.ScopeAny()
    rule = pst.Template("in", "permit", anyone, pst.ActionIn((entity,)), anyone, (), {})
    return cedarpy.PolicySet.from_pst(
        pst.PolicySet(templates={}, static_policies={"in": rule}, template_links=())
    )


def _permits(
    rules: cedarpy.PolicySet, action: str, entities: cedarpy.Entities, schema: cedarpy.Schema
) -> bool:
    request = request_for(action, "anyone", ANY_CONTEXT)
    result = cedarpy.is_authorized(request, rules, entities, schema)
    if result.diagnostics.errors:
        raise ValueError(f"Cedar cannot say which groups {action} is in")
    return bool(result.decision is cedarpy.Decision.Allow)
