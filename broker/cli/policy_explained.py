"""`lali policy explain`: a rule, a feed or a part of an alert, in words."""

from pathlib import Path
from textwrap import fill
from typing import Any

from broker.cli.policy_proofs import need_solver
from broker.errors import SettingsInvalid
from broker.policy.actions import ACTIONS, SEE
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.reading.conditions import short
from broker.policy.rules import Rule
from broker.settings import load_settings


def explain(name: str, *, bundle: Path | None = None) -> None:
    """Explain a rule, a feed or a part of an alert: who sees it, when, and why.

    Of a feed or a part it is told by a solver, over all labels, whether it is seen always,
    sometimes or never by who receives; this needs z3.

    Example: `lali policy explain samoa-tcu-investigate`

    Args:
        name: The id of a rule or a feed, or a part such as victims.
        bundle: Folder of the bundle; the one in the settings if not given.
    """
    read = load_bundle(bundle or load_settings().bundle)
    if name in read.rules.by_id:
        lines = _rule(read.rules.by_id[name], read)
    elif name in read.community.feeds:
        lines = _feed(name, read)
    elif f"see_{name}" in SEE:
        lines = _part(name, read)
    else:
        raise SettingsInvalid("no rule, active feed or part of an alert is called so")
    print("\n".join(lines))  # noqa: T201


def _rule(rule: Rule, bundle: Bundle) -> list[str]:
    parts = [a for a in ACTIONS if rule.applies_to(a, bundle.rules.groups)]
    does = "permits" if rule.permits else "forbids, whatever else permits"
    lines = [f"{rule.id} ({rule.file}) {does}:", f"  {_listed(parts)}", f"why: {_why(rule)}"]
    lines += [
        f"{type(clause).__name__.lower()}: {short(clause.expr)}" for clause in rule.template.clauses
    ]
    notes = rule.annotations
    told = ("legal_basis", "acknowledge_within", "hold", "second_line")
    return lines + [f"{n.replace('_', ' ')}: {notes[n]}" for n in told if n in notes]


def _feed(name: str, bundle: Bundle) -> list[str]:
    feed = bundle.community.feeds[name]
    lines = [f"{name}: {feed.unit} receives for {feed.purpose.value}. Of what it receives it sees"]
    row = _matrix(bundle)[name]
    for how in ("always", "sometimes", "never"):
        found = [action for action in SEE if row[action].value == how]
        if found:
            lines.append(f"  {how}: {_listed(found)}")
    return lines


def _part(name: str, bundle: Bundle) -> list[str]:
    lines = [f"{name} is seen, by who receives the alert,"]
    found = {feed: row[f"see_{name}"].value for feed, row in _matrix(bundle).items()}
    for how in ("always", "sometimes", "never"):
        feeds = [feed for feed, sees in found.items() if sees == how]
        if feeds:
            lines.append(fill(f"{how}: {', '.join(feeds)}", 100, initial_indent="  ",
                              subsequent_indent="    ", break_on_hyphens=False))  # fmt: skip
    rules = [r for r in bundle.rules.rules if r.applies_to(f"see_{name}", bundle.rules.groups)]
    for effect, permits in (("permitted by", True), ("forbidden by", False)):
        lines += [f"{effect} {r.id}: {_why(r)}" for r in rules if r.permits == permits]
    return lines


def _matrix(bundle: Bundle) -> dict[str, dict[str, Any]]:
    need_solver()
    from broker.policy.proof.matrix import matrix

    return matrix(bundle)


def _why(rule: Rule) -> str:
    return rule.annotations.get("why", "not said")


def _listed(actions: list[str]) -> str:
    return ", ".join(action.removeprefix("see_") for action in actions) or "nothing"
