"""Lint: what Cedar's validator cannot know is wrong with a bundle.

Errors stop a release of the bundle; warnings are shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cedarpy import pst

from broker.model.codes import Purpose, RecipientClass
from broker.model.compartment import COMPARTMENTS
from broker.model.free_lines import free_lines
from broker.policy.actions import ACTIONS, FREE_LINES, groups_of
from broker.policy.bundle import Bundle
from broker.policy.cases import Tried
from broker.policy.entities import ATTRIBUTES
from broker.policy.filled import FILLABLE, FILLED
from broker.policy.obligations import ANNOTATIONS, acknowledge_within_seconds
from broker.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or may be.

    Attributes:
        severity: error or warning.
        where: File and rule.
    """

    severity: str
    where: str
    text: str


def lint(bundle: Bundle, tried: list[Tried]) -> list[Finding]:
    """Return what is wrong with *bundle*, given its cases as tried."""
    return lint_as_written(bundle) + lint_by_cases(bundle, tried)


def lint_by_cases(bundle: Bundle, tried: list[Tried]) -> list[Finding]:
    """Return which cases fail, and which rules decide none."""
    decided = {name for t in tried for name in t.decision.outcome.rules + t.decision.outcome.held}
    findings = [
        Finding("error", t.file, f"a case fails: {t.case.name}: {'; '.join(t.differences)}")
        for t in tried
        if t.differences
    ]
    idle = [rule for rule in bundle.rules.rules if rule.id not in decided]
    return findings + [
        Finding("error", f"{rule.file} {rule.id}", "no case is decided by it") for rule in idle
    ]


def lint_as_written(bundle: Bundle) -> list[Finding]:
    """Return what is wrong with *bundle* as it is written; nothing is decided for it."""
    findings = [Finding("error", "schema.cedarschema", text) for text in _ungrouped(bundle)]
    findings += [Finding("error", "community.toml", text) for text in _on_both_sides(bundle)]
    seen: dict[Any, str] = {}
    for rule in bundle.rules.rules:
        where = f"{rule.file} {rule.id}"
        findings += [Finding("error", where, text) for text in _faults(rule, bundle)]
        findings += [Finding("warning", where, text) for text in _doubts(rule)]
        form = _form(rule)
        if form in seen:
            findings.append(Finding("error", where, f"says the same as {seen[form]}"))
        seen[form] = rule.id
    return findings


def _on_both_sides(bundle: Bundle) -> Iterator[str]:
    """Yield units that enforce and do something else: one key would read both."""
    purposes: dict[str, set[Purpose]] = {}
    for feed in bundle.community.feeds.values():
        purposes.setdefault(feed.unit, set()).add(feed.purpose)
    for unit, found in sorted(purposes.items()):
        others = sorted(each.value for each in found - {Purpose.IMMIGRATION_ENFORCEMENT})
        if others and Purpose.IMMIGRATION_ENFORCEMENT in found:
            yield f"{unit} receives for IMMIGRATION_ENFORCEMENT and {', '.join(others)}: two units"


def _ungrouped(bundle: Bundle) -> Iterator[str]:
    """Yield the parts that take words of somebody's own, and are in no group that says so."""
    groups = groups_of(bundle.schema, (FREE_LINES,))
    for name in COMPARTMENTS:
        lines, action = free_lines(name), f"see_{name.value}"
        if lines and FREE_LINES not in groups[action]:
            where = ", ".join(lines)
            yield f"{action} is not in {FREE_LINES.id}, and anything can be written in {where}"


def _faults(rule: Rule, bundle: Bundle) -> Iterator[str]:
    notes = rule.annotations
    for wanted in ("why", "legal_basis"):
        if not notes.get(wanted):
            yield f"@{wanted} is missing"
    for name in sorted(set(notes) - ANNOTATIONS):
        yield f"no annotation is called @{name}"
    try:
        acknowledge_within_seconds(notes)
    except ValueError as error:
        yield str(error)
    if rule.held and (not rule.permits or notes["hold"] != "two-person"):
        yield '@hold("two-person") is for permits, and there is no other kind'
    if not any(rule.applies_to(action, bundle.rules.groups) for action in ACTIONS):
        yield "can never match: its actions disclose nothing"
    yield from _unknown_entities(rule, bundle)
    for clause in rule.template.clauses:
        yield from _unknown_codes(clause.expr)
        if isinstance(clause.expr, pst.BoolLit):
            yield "its condition is a constant"


def _doubts(rule: Rule) -> Iterator[str]:
    if not rule.permits:
        return
    text = str(rule.template.clauses)
    if "'purpose'" not in text:
        yield "permits whatever the purpose of the feed"
    if not rule.reads.resource:
        yield "permits whatever the alert says"


def _unknown_entities(rule: Rule, bundle: Bundle) -> Iterator[str]:
    directory = bundle.community
    known: dict[str, Any] = {
        "Unit": directory.units,
        "Organisation": directory.organisations,
        "Community": directory.communities,
    }
    for uid in pst.entity_uids(rule.template):
        if uid.type.basename in known and uid.id not in known[uid.type.basename]:
            yield f"no {uid.type.basename.lower()} is called {uid.id}"


#: Literals that may be compared with something that is not an attribute of the alert.
_OTHER_CODES: dict[tuple[str, str], frozenset[str]] = {
    ("context", "purpose"): frozenset(Purpose.__members__),
    ("principal", "kind"): frozenset(RecipientClass.__members__),
    ("principal", "organisation_kind"): frozenset(RecipientClass.__members__),
}


def _unknown_codes(node: Any) -> Iterator[str]:
    """Yield string literals compared with a coded attribute that has no such code."""
    if isinstance(node, pst.BinaryOp):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            known = _codes_of(one)
            if known is not None:
                for literal in _literals(other):
                    if literal not in known:
                        yield f"no code is called {literal}"
        yield from _unknown_codes(node.left)
        yield from _unknown_codes(node.right)
    elif isinstance(node, pst.UnaryOp):
        yield from _unknown_codes(node.arg)
    elif isinstance(node, pst.IfThenElse):
        for part in (node.cond, node.then_expr, node.else_expr):
            yield from _unknown_codes(part)


def _codes_of(node: Any) -> frozenset[str] | None:
    if not (isinstance(node, pst.GetAttr) and isinstance(node.base, pst.Var)):
        return None
    if node.base.name == "resource" and node.attr == FILLED:
        return frozenset(FILLABLE)
    if node.base.name == "resource":
        codes = ATTRIBUTES.get(node.attr)
        return frozenset(codes.__members__) if codes else None
    return _OTHER_CODES.get((node.base.name, node.attr))


def _literals(node: Any) -> list[str]:
    if isinstance(node, pst.StringLit):
        return [node.value]
    if isinstance(node, pst.Set):
        return [item.value for item in node.elements if isinstance(item, pst.StringLit)]
    return []


def _form(rule: Rule) -> Any:
    t = rule.template
    return (t.effect, t.principal, t.action, t.resource, t.clauses, rule.held)
