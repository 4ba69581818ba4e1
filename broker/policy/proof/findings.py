"""What a solver finds wrong with a bundle: rules and branches that decide nothing."""

from collections.abc import Iterator

import z3

from broker.policy.bundle import Bundle
from broker.policy.lint import Finding
from broker.policy.proof.deciding import named_groups
from broker.policy.proof.effects import Effects, received_by_nobody
from broker.policy.proof.errors import NotTranslated
from broker.policy.proof.properties import Properties
from broker.policy.proof.proving import Proving, worlds_of
from broker.policy.proof.values import all_of, any_of, negated
from broker.policy.proof.variants import Variant, variants_of
from broker.policy.proof.vocabulary import vocabulary
from broker.policy.rules import Rule

#: The annotation of a rule that is kept although it, or a branch of it, decides nothing: the
#: property that it guards.
SECOND_LINE = "second_line"


def decides_nothing(bundle: Bundle, properties: Properties) -> list[Finding]:
    """Return what in *bundle* decides nothing, and what nobody receives."""
    templates = [each.template for each in (*bundle.rules.rules, *properties.all)]
    words = vocabulary(templates, [bundle.community])
    groups = named_groups(bundle.schema, templates)
    try:
        here, anywhere = (
            Effects(Proving(world, bundle.rules.rules, groups))
            for world in worlds_of(bundle, words)
        )
    except NotTranslated as error:
        return [Finding("error", "rules", f"not translated, so not analysed: {error}")]
    found = [
        Finding("error", "community.toml", f"nobody receives {action.removeprefix('see_')}")
        for action in received_by_nobody(here)
    ]
    for rule in bundle.rules.rules:
        where = f"{rule.file} {rule.id}"
        found += [
            Finding(severity, where, text)
            for severity, text in _of_rule(rule, here, anywhere, properties)
        ]
    return found


def _of_rule(
    rule: Rule, here: Effects, anywhere: Effects, properties: Properties
) -> Iterator[tuple[str, str]]:
    named = rule.annotations.get(SECOND_LINE)
    if named is None and here.is_idle(rule):
        where = "any community" if anywhere.is_idle(rule) else "this community"
        yield "error", f"decides nothing in {where}; @{SECOND_LINE} names the property it guards"
    elif named is not None:
        yield from _second_line(rule, named, anywhere.proving, properties)
    else:
        yield from _branches(rule, here, anywhere)


def _branches(rule: Rule, here: Effects, anywhere: Effects) -> Iterator[tuple[str, str]]:
    for variant in variants_of(rule):
        if variant.drops and here.is_dead(variant):
            if anywhere.is_dead(variant):
                yield "error", f"a branch decides nothing: the same {variant.what}"
            elif _tightens(rule, variant) and here.is_always_withheld(variant):
                yield "warning", f"a branch releases nothing here: the same {variant.what}"


def _tightens(rule: Rule, variant: Variant) -> bool:
    return rule.permits and not rule.held and not variant.loosens


def _second_line(
    rule: Rule, named: str, proving: Proving, properties: Properties
) -> Iterator[tuple[str, str]]:
    one = next((each for each in properties.all if each.id == named), None)
    if one is None:
        yield "error", f"@{SECOND_LINE}: no property is called {named}"
    elif rule.permits:
        yield "error", f"@{SECOND_LINE} is for forbids: a permit guards nothing"
    elif not _guards(rule, one, proving, properties):
        yield "error", f"@{SECOND_LINE}: it forbids nothing that {named} rules out"


def _guards(rule: Rule, one: Rule, proving: Proving, properties: Properties) -> bool:
    """Whether *rule* forbids something that property *one* does not let be."""
    both = (
        all_of((condition, negated(proving.permitted(one, action))))
        for action, condition in proving.deciding.matched[rule.id].items()
        if action in properties.bound(one)
    )
    return bool(proving.solver.check(any_of(both)) == z3.sat)
