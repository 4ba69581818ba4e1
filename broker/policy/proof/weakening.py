"""Weaken a bundle in every place, and see that something notices.

Each forbid is left out, and each part of each condition is loosened, one at a time. What no
property and no case catches is either named in the bundle (``weakening.toml``) or a finding:
a rule could be broken there and nobody would be told.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import z3

from broker.errors import BundleInvalid
from broker.policy.bundle import Bundle
from broker.policy.cases import Case, read_cases, try_case
from broker.policy.decide import Decider
from broker.policy.files import read_bytes, tables_in, text_of
from broker.policy.proof.deciding import named_groups
from broker.policy.proof.effects import Effects
from broker.policy.proof.properties import Properties
from broker.policy.proof.proving import Proving, worlds_of
from broker.policy.proof.values import TRUE, all_of, any_of, negated
from broker.policy.proof.variants import Variant, variants_of
from broker.policy.proof.vocabulary import vocabulary
from broker.policy.rules import Rule, RuleSet


@dataclass
class Weakened:
    """What became of every weakened bundle, by the variant's name.

    Attributes:
        by_property: Caught by a property.
        by_case: Caught by a case.
        harmless: It releases what the bundle does, in this community.
        named: Caught by nothing, and named in the bundle.
        uncaught: Caught by nothing.
        stale: Named in the bundle although something catches them, or they do not exist.
    """

    by_property: list[str] = field(default_factory=list)
    by_case: list[str] = field(default_factory=list)
    harmless: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    uncaught: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many there were."""
        groups = self.by_property, self.by_case, self.harmless, self.named, self.uncaught
        return sum(len(group) for group in groups)


def weaken(bundle: Bundle, properties: Properties) -> Weakened:
    """Weaken *bundle* in every place.

    Raises:
        BundleInvalid: What it names as known cannot be read.
        NotTranslated: A rule or a property has no translation.
    """
    known = known_weakenings(bundle.folder)
    templates = [each.template for each in (*bundle.rules.rules, *properties.all)]
    words, groups = (
        vocabulary(templates, [bundle.community]),
        named_groups(bundle.schema, templates),
    )
    catchers = [
        _Catcher(Proving(world, bundle.rules.rules, groups), properties)
        for world in worlds_of(bundle, words)
    ]
    cases = [case for _, case in read_cases(bundle.folder)]
    found = Weakened()
    for variant in _loosened(bundle.rules.rules):
        if any(catcher.catches(variant) for catcher in catchers):
            found.by_property.append(variant.name)
        elif catchers[0].effects.is_dead(variant):
            found.harmless.append(variant.name)
        elif _case_fails(bundle, variant, cases):
            found.by_case.append(variant.name)
        else:
            (found.named if variant.name in known else found.uncaught).append(variant.name)
    found.stale = sorted(set(known) - set(found.named))
    return found


def known_weakenings(folder: Path) -> dict[str, str]:
    """Return the variants that the bundle in *folder* names as caught by nothing, with why.

    Raises:
        BundleInvalid: The file cannot be read.
    """
    file = folder / "weakening.toml"
    if not file.exists():
        return {}
    rows = tables_in(file, text_of(file, read_bytes(file))).get("known", [])
    if not all(isinstance(row, dict) and {"name", "why"} <= set(row) for row in rows):
        raise BundleInvalid([f"{file.name}: each [[known]] has a name and a why"])
    return {str(row["name"]): str(row["why"]) for row in rows}


def _loosened(rules: Iterable[Rule]) -> Iterator[Variant]:
    return (variant for rule in rules for variant in variants_of(rule) if variant.loosens)


class _Catcher:
    """Says which variants break a property in one world."""

    def __init__(self, proving: Proving, properties: Properties) -> None:
        self.effects = Effects(proving)
        self._proving = proving
        self._properties = properties

    def catches(self, variant: Variant) -> bool:
        rule = self._proving.deciding.rules[variant.of]
        broken = any_of(
            all_of((changed, self._opens(rule, action)))
            for action, changed in self.effects.changed(variant).items()
        )
        # A unit that does not publish today may tomorrow: every originator counts here.
        return str(self._proving.solver.check(broken)) == "sat"

    def _opens(self, rule: Rule, action: str) -> z3.BoolRef:
        """Return when *rule*, loosened for *action*, releases what a property rules out."""
        name = f"opens: {rule.id} {action}"
        return self._proving.named(name, lambda: self._what_opens(rule, action))

    def _what_opens(self, rule: Rule, action: str) -> z3.BoolRef:
        forbidden = self._proving.deciding.matching(action, permits=False, but=rule.id)
        permitted = (
            TRUE
            if rule.permits and not rule.held
            else self._proving.deciding.matching(action, permits=True, but=rule.id)
        )
        loosened = all_of((permitted, negated(forbidden), self._proving.deciding.open))
        if action != "receive":
            received = self._received(rule)
            return all_of((loosened, received, self._ruled_out(action)))
        # Through receive every part that rules allow is opened.
        parts = (
            all_of((self._allowed(each, rule), self._ruled_out(each)))
            for each in self._properties.groups
            if each != "receive"
        )
        return all_of((loosened, any_of((self._ruled_out("receive"), *parts))))

    def _received(self, rule: Rule) -> z3.BoolRef:
        return self._allowed("receive", rule)

    def _allowed(self, action: str, rule: Rule) -> z3.BoolRef:
        """Return when *action* is allowed with *rule* loosened, where it is for that action."""
        deciding = self._proving.deciding
        if action not in deciding.matched[rule.id]:
            return self._proving.named(f"allowed: {action}", lambda: deciding.allowed(action))
        forbidden = deciding.matching(action, permits=False, but=rule.id)
        permitted = TRUE if rule.permits else deciding.matching(action, permits=True)
        return all_of((permitted, negated(forbidden)))

    def _ruled_out(self, action: str) -> z3.BoolRef:
        def make() -> z3.BoolRef:
            return any_of(
                negated(self._proving.permitted(one, action))
                for one in self._properties.all
                if action in self._properties.bound(one)
            )

        return self._proving.named(f"ruled out: {action}", make)


def _case_fails(bundle: Bundle, variant: Variant, cases: list[Case]) -> bool:
    """Whether a case of the bundle fails with *variant* in place of its rule."""
    rules = [
        variant.rule if rule.id == variant.of else rule
        for rule in bundle.rules.rules
        if rule.id != variant.of or variant.rule is not None
    ]
    kept = [rule for rule in rules if rule is not None]
    weakened = replace(bundle, rules=RuleSet(kept, bundle.rules.groups))
    decider = Decider(weakened)
    # Those that name the rule are the likeliest to fail.
    ordered = sorted(cases, key=lambda case: variant.of not in case.expect.rules)
    return any(try_case(decider, case) for case in ordered)
