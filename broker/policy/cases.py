"""Cases: a label and a feed are given, and what must come of it is expected.

    [[case]]
    name = "a minor's name never reaches enforcement"
    label = { minor = "YES", source_type = "AGENCY" }
    distribution = { releasable_to = ["fiji-immigration"] }
    facts = { expired = false }
    filled = ["suspects", "victims"]
    feed = "fiji-immigration-enforcement"
    expect = { verdict = "WITHHOLD", rules = ["firewall-minors"] }

`label` and `distribution` override an ordinary alert, and `filled` which compartments it
fills. `expect` may hold `verdict`,
`compartments` (exactly these), `never` (none of these), `rules` (these are among the
deciding ones), `held`, `reason` and `acknowledge_within`, seconds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from broker.errors import BundleInvalid, Rejected
from broker.model.base import Model
from broker.model.compartment import Compartment, compartments_in, mask_of
from broker.model.decision import Decision, Recipient, Verdict
from broker.model.label import Distribution, Label
from broker.model.reason import Reason
from broker.policy.decide import Decider, view_of
from broker.policy.facts import Facts
from broker.policy.files import read_bytes, tables_in, text_of
from broker.wire.refusal import validated

#: The ordinary alert that cases override: an agency's, on adult fishing crew, Vanuatu to Samoa.
ORDINARY: dict[str, Any] = {
    "alert_id": "00000000-0000-4000-8000-000000000000",
    "originated_at": "2026-06-01T00:00:00Z",
    "expires_at": "2026-09-01T00:00:00Z",
    "originator": "fiji-immigration",
    "tlp": "AMBER",
    "source_type": "AGENCY",
    "urgency": "EXPECTED",
    "minor": "NO",
    "consent": "NOT_APPLICABLE",
    "at_risk": "NO",
    "in_transit": "NO",
    "countries_origin": ["VU"],
    "countries_transit": ["FJ"],
    "countries_destination": ["WS"],
    "conveyance_kinds": ["VESSEL"],
}


#: What it fills: it tells of suspects and their boat, and describes no victim.
ORDINARY_FILLED: tuple[Compartment, ...] = (
    Compartment.SUMMARY,
    Compartment.INDICATORS,
    Compartment.SUSPECTS,
    Compartment.CONVEYANCES,
    Compartment.MOVEMENT,
)

#: Facts that a case gives under `facts`.
_MOMENT = frozenset({"expired", "embargoed"})

#: The same as the view that decides.
ORDINARY_VIEW: dict[str, Any] = view_of(
    Label.model_validate(ORDINARY), Distribution.model_validate({})
)


class Expectation(Model):
    """What must come of a case."""

    verdict: Verdict | None = None
    compartments: tuple[Compartment, ...] | None = None
    never: tuple[Compartment, ...] = ()
    rules: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    reason: Reason | None = None
    acknowledge_within: int | None = None


class Case(Model):
    """One case of a bundle."""

    name: str
    feed: str
    label: dict[str, Any] = Field(default_factory=dict)
    distribution: dict[str, Any] = Field(default_factory=dict)
    facts: dict[str, bool] = Field(default_factory=dict)
    filled: tuple[Compartment, ...] = ORDINARY_FILLED
    expect: Expectation


@dataclass(frozen=True, slots=True)
class Tried:
    """A case, what was decided, and how that differs from what was expected.

    Attributes:
        file: The file that the case stands in.
        differences: Empty where the case holds.
    """

    file: str
    case: Case
    decision: Decision
    differences: tuple[str, ...]


def read_cases(folder: Path) -> list[tuple[str, Case]]:
    """Return the cases of the bundle in *folder*, with their file names.

    Raises:
        BundleInvalid: A file cannot be read, or a case does not fit.
    """
    found: list[tuple[str, Case]] = []
    findings: list[str] = []
    for file in sorted((folder / "cases").glob("*.toml")):
        try:
            tables = tables_in(file, text_of(file, read_bytes(file)))
        except BundleInvalid as invalid:
            findings += invalid.findings
            continue
        read, faults = _cases_in(tables)
        found += [(file.name, case) for case in read]
        findings += [f"{file.name}: {fault}" for fault in faults]
    if findings:
        raise BundleInvalid(findings)
    return found


def _cases_in(tables: dict[str, Any]) -> tuple[list[Case], list[str]]:
    faults = [f"unknown table {name}" for name in sorted(set(tables) - {"case"})]
    rows = tables.get("case", [])
    if not isinstance(rows, list):
        return [], [*faults, "case: each entry starts with [[case]]"]
    read = []
    for index, row in enumerate(rows):
        try:
            read.append(validated(Case, row, f"case[{index}]"))
        except Rejected as rejected:
            faults.append(str(rejected))
    return read, faults


def try_cases(decider: Decider) -> list[Tried]:
    """Try every case of the decider's bundle on the real engine.

    Raises:
        BundleInvalid: A case names a feed, field or code that does not exist.
    """
    bundle = decider.bundle
    tried = []
    for file, case in read_cases(bundle.folder):
        if case.feed not in bundle.community.feeds:
            raise BundleInvalid([f"{file}: {case.name}: no active feed is called {case.feed}"])
        try:
            decision = decider.decide(case.feed, _view(case), _facts(case))
        except (Rejected, ValueError) as fault:
            raise BundleInvalid([f"{file}: {case.name}: {fault}"]) from None
        tried.append(Tried(file, case, decision, tuple(_differences(case.expect, decision))))
    return tried


def try_case(decider: Decider, case: Case) -> tuple[str, ...]:
    """Return how what is decided for one case differs from what it expects."""
    outcome = decider.outcomes(_view(case), _facts(case), only=case.feed)[case.feed]
    recipient = Recipient(case.feed, "", "")
    decision = Decision(recipient, outcome, decider.bundle.digest)
    return tuple(_differences(case.expect, decision))


def _facts(case: Case) -> Facts:
    if not set(case.facts) <= _MOMENT:
        raise ValueError(f"facts are {', '.join(sorted(_MOMENT))}")
    return Facts(**case.facts, filled=mask_of(case.filled))


def _view(case: Case) -> dict[str, Any]:
    label = validated(Label, ORDINARY | case.label, "label")
    return view_of(label, validated(Distribution, case.distribution, "distribution"))


def _differences(expect: Expectation, decision: Decision) -> list[str]:
    outcome = decision.outcome
    seen = set(compartments_in(outcome.compartments))
    found = []
    if expect.verdict not in (None, outcome.verdict):
        found.append(f"verdict is {outcome.verdict.value}")
    if expect.compartments is not None and set(expect.compartments) != seen:
        found.append(f"sees {', '.join(sorted(seen)) or 'nothing'}")
    found += [f"sees {name.value}" for name in expect.never if name in seen]
    found += [f"rule {name} did not decide" for name in expect.rules if name not in outcome.rules]
    found += [f"rule {name} is not held" for name in expect.held if name not in outcome.held]
    if expect.reason not in (None, outcome.reason):
        found.append(f"reason is {outcome.reason}")
    if expect.acknowledge_within not in (None, outcome.acknowledge_within_seconds):
        found.append(f"to be acknowledged within {outcome.acknowledge_within_seconds} s")
    return found
