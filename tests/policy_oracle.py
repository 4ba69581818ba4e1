"""What a bundle decides, asked of Cedar the slow way: no slices, no cache, no shared looks.

Every rule of the bundle goes into one set, every feed is asked about every action, and what
the broker adds (guards, held permits, errors) is written down here a second time.
"""

import json
from typing import Any

import cedarpy

from broker.model.compartment import COMPARTMENTS, mask_of
from broker.model.decision import Outcome, Verdict
from broker.model.reason import Reason
from broker.policy.entities import ATTRIBUTES
from broker.policy.facts import Facts


class Oracle:
    """Decides for the bundle in a folder that `Decider` was given too."""

    def __init__(self, decider: Any) -> None:
        bundle = decider.bundle
        self._community, self._schema = bundle.community, bundle.schema
        files = sorted((bundle.folder / "rules").glob("*.cedar"))
        self._everything = cedarpy.PolicySet.from_str("\n".join(f.read_text() for f in files))
        parsed = self._everything.to_pst().static_policies
        self._ids = {key: rule.annotations["id"] for key, rule in parsed.items()}
        counted = [rule for rule in parsed.values() if "hold" not in rule.annotations]
        self._counted = cedarpy.PolicySet.from_pst(
            cedarpy.pst.PolicySet({}, {rule.id: rule for rule in counted}, ())
        )

    def outcomes(self, view: dict[str, Any], facts: Facts) -> dict[str, Outcome]:
        """Return the outcome for every feed, its obligations left out."""
        told = self._entities(view, facts.filled)
        entities = cedarpy.Entities.from_json_str(told, self._schema)
        found = {
            feed.id: self._outcome(feed, view, facts, entities)
            for feed in self._community.feeds.values()
        }
        if None in found.values():
            failed = Outcome(Verdict.WITHHOLD, 0, (), Reason.POLICY_ERROR)
            return dict.fromkeys(found, failed)
        return {feed: outcome for feed, outcome in found.items() if outcome is not None}

    def _outcome(self, feed: Any, view: Any, facts: Facts, entities: Any) -> Outcome | None:
        rules: set[str] = set()
        held: set[str] = set()
        permitted = []
        for action in ("receive", *(f"see_{name.value}" for name in COMPARTMENTS)):
            request = {
                "principal": f'Lali::Unit::"{feed.unit}"',
                "action": f'Lali::Action::"{action}"',
                "resource": 'Lali::Alert::"alert"',
                "context": {
                    "purpose": feed.purpose.value,
                    "operational": feed.operational,
                    "expired": facts.expired,
                    "embargoed": facts.embargoed,
                },
            }
            counted = cedarpy.is_authorized(request, self._counted, entities, self._schema)
            if counted.diagnostics.errors:
                return None
            why = {self._ids[reason] for reason in counted.diagnostics.reasons}
            rules |= why
            allowed = counted.decision is cedarpy.Decision.Allow
            if not allowed and not why:
                held |= self._held(request, entities)
            if action == "receive" and not allowed:
                break
            if action != "receive" and allowed:
                permitted.append(action)
        else:
            mask = mask_of(n for n in COMPARTMENTS if f"see_{n.value}" in permitted)
            released = Outcome(Verdict.RELEASE, mask, _sorted(rules), held=_sorted(held))
            return self._guarded(released, feed, view, facts)
        reason = Reason.NO_RULE_PERMITS
        if held:
            reason = Reason.HELD
        if rules:
            reason = Reason.RULE_FORBIDS
        withheld = Outcome(Verdict.WITHHOLD, 0, _sorted(rules), reason, held=_sorted(held))
        return self._guarded(withheld, feed, view, facts)

    def _held(self, request: Any, entities: Any) -> set[str]:
        answer = cedarpy.is_authorized(request, self._everything, entities, self._schema)
        if answer.decision is not cedarpy.Decision.Allow:
            return set()
        return {self._ids[reason] for reason in answer.diagnostics.reasons}

    def _guarded(self, outcome: Outcome, feed: Any, view: Any, facts: Facts) -> Outcome:
        guards = (
            (facts.expired, "guard-expired", Reason.EXPIRED),
            (facts.embargoed, "guard-embargoed", Reason.EMBARGOED),
            (view["status"] != "ACTUAL" and feed.operational, "guard-exercise", "NOT_OPERATIONAL"),
            (
                view["tlp"] not in ("CLEAR", "GREEN", "AMBER", "AMBER_STRICT")
                and (view["tlp"] != "RED" or feed.unit not in view["named_recipients"]),
                "guard-red",
                Reason.RULE_FORBIDS,
            ),
        )
        for steps_in, name, reason in guards:
            if steps_in:
                kept = outcome.rules if outcome.verdict is Verdict.WITHHOLD else ()
                return Outcome(Verdict.WITHHOLD, 0, kept or (name,), Reason(reason))
        return outcome

    def _entities(self, view: dict[str, Any], filled: int) -> str:
        community = self._community
        rows = [_entity("Community", name) for name in community.communities]
        for organisation in community.organisations.values():
            attrs = {"kind": organisation.kind}
            rows.append(_entity("Organisation", organisation.id, attrs, organisation.communities))
        for unit in community.units.values():
            organisation = community.organisations[unit.organisation]
            attrs = {
                "kind": unit.kind,
                "organisation": organisation.id,
                "organisation_kind": organisation.kind,
                "country": unit.country or organisation.country or "",
                "duties": unit.duties,
                "names": [
                    unit.id, organisation.id, *unit.communities, *organisation.communities
                ],
            }  # fmt: skip
            row = _entity("Unit", unit.id, attrs, unit.communities)
            row["parents"].append({"type": "Lali::Organisation", "id": organisation.id})
            rows.append(row)
        alert = {name: _known(view[name], codes) for name, codes in ATTRIBUTES.items()}
        alert["named_recipients"] = [n for n in view["named_recipients"] if n in community.units]
        alert["filled"] = [n for bit, n in enumerate(COMPARTMENTS) if filled >> bit & 1]
        alert["originator"] = {"__entity": {"type": "Lali::Unit", "id": view["originator"]}}
        return json.dumps([*rows, _entity("Alert", "alert", alert)])


def _known(value: Any, codes: Any) -> Any:
    if not isinstance(value, str):
        return [_known(item, codes) for item in value]
    return "UNKNOWN" if codes is not None and value not in list(codes) else value


def _entity(kind: str, name: str, attrs: Any = None, communities: Any = ()) -> dict[str, Any]:
    parents = [{"type": "Lali::Community", "id": community} for community in communities]
    return {"uid": {"type": f"Lali::{kind}", "id": name}, "attrs": attrs or {}, "parents": parents}


def _sorted(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
