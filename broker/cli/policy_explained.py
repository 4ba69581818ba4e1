"""`lali policy explain`: a rule, a feed or a part of an alert, in words."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

from cyclopts import Parameter

from broker.cli.policy_proofs import need_solver
from broker.errors import SettingsInvalid
from broker.policy.actions import ACTIONS, RECEIVE, SEE
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.reading.conditions import short
from broker.policy.reading.known import known_of
from broker.policy.reading.phrases import NotPhrased
from broker.policy.reading.prose import NEVER, Known, condition_of_rule, sentences
from broker.policy.rules import Rule
from broker.settings import load_settings


def explain(
    name: str, *, bundle: Path | None = None, cedar: Annotated[bool, Parameter(negative="")] = False
) -> None:
    """Explain a rule, a feed or a part of an alert in words: who sees it, when, and why.

    Of a feed or a part it is told by a solver, over all labels, whether it is seen always,
    sometimes or never by who receives; this needs z3.

    Example: `lali policy explain samoa-tcu-investigate`

    Args:
        name: The id of a rule or a feed, or a part such as victims.
        bundle: Folder of the bundle; the one in the settings if not given.
        cedar: Of a rule, print its conditions in Cedar's own form as well.
    """
    read = load_bundle(bundle or load_settings().bundle)
    if name in read.rules.by_id:
        lines = _rule(read.rules.by_id[name], read, cedar=cedar)
    elif name in read.community.feeds:
        lines = _feed(name, read)
    elif f"see_{name}" in SEE:
        lines = _part(name, read)
    else:
        raise SettingsInvalid("no rule, active feed or part of an alert is called so")
    print("\n".join(lines))  # noqa: T201


def _rule(rule: Rule, bundle: Bundle, *, cedar: bool) -> list[str]:
    parts = [a for a in ACTIONS if rule.applies_to(a, bundle.rules.groups)]
    does = "permits" if rule.permits else "forbids, whatever else permits"
    lines = [f"{rule.id} ({rule.file}) {does}:", f"  {_listed(parts)}", f"why: {_why(rule)}"]
    lines += ["when:", *_indented(_conditions(rule))]
    if cedar:
        lines += [f"{type(c).__name__.lower()}: {short(c.expr)}" for c in rule.template.clauses]
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
    known = known_of(feed, bundle)
    for permits, does in ((True, "gives it"), (False, "withholds from it, whatever else gives:")):
        for rule in bundle.rules.rules:
            found = list(_conditions(rule, known))
            if rule.permits is permits and found != NEVER:
                parts = [a for a in ACTIONS if rule.applies_to(a, bundle.rules.groups)]
                lines += ["", f"{rule.id} {does} {_listed(parts)}", f"  why: {_why(rule)}"]
                lines += ["  when:", *_indented(_indented(found))]
    return lines


def _conditions(rule: Rule, known: Known | None = None) -> Iterable[str]:
    try:
        return list(sentences(condition_of_rule(rule.template, known)))
    except NotPhrased as construct:
        return [f"- there are no words for {construct} (see --cedar)"]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


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
        for rule in rules:
            if rule.permits == permits:
                lines += ["", f"{effect} {rule.id}: {_why(rule)}", "  when:"]
                lines += _indented(_indented(_conditions(rule)))
    return lines


def _matrix(bundle: Bundle) -> dict[str, dict[str, Any]]:
    need_solver()
    from broker.policy.proof.matrix import matrix

    return matrix(bundle)


def _why(rule: Rule) -> str:
    return rule.annotations.get("why", "not said")


def _listed(actions: list[str]) -> str:
    if len(actions) == len(ACTIONS):
        return "everything"
    names = {RECEIVE: "the alert with its label"}
    words = [names.get(action, action.removeprefix("see_")) for action in actions]
    return ", ".join(words) or "nothing"
