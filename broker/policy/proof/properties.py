"""Properties: what must never happen, as the permit of all that may be.

    @id("enforcement-sees-no-child")
    @why("…")
    permit (principal, action in Lali::Action::"everything", resource)
    when { context.purpose != "IMMIGRATION_ENFORCEMENT" || resource.minor == "NO" };

They stand in ``never/*.cedar`` of a bundle, in the language of rules. A property binds the
actions of its scope: whatever the rules release of these, its condition must hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from broker.errors import BundleInvalid
from broker.policy.actions import ACTIONS, Groups, groups_of
from broker.policy.bundle import Bundle, parse_rules, type_faults
from broker.policy.files import read_bytes, text_of
from broker.policy.rules import Rule

#: What a property may be annotated with.
_ANNOTATIONS = frozenset({"id", "why", "legal_basis"})


@dataclass(frozen=True)
class Properties:
    """The properties of a bundle.

    Attributes:
        all: In the order of files and lines; each has the form of a rule.
        groups: Which of the named actions and groups each action is in.
    """

    all: tuple[Rule, ...]
    groups: Groups

    def bound(self, one: Rule) -> list[str]:
        """Return the actions that a property binds."""
        return [action for action in ACTIONS if one.applies_to(action, self.groups)]


def read_properties(bundle: Bundle) -> Properties:
    """Read the properties of *bundle*; a bundle may have none.

    Raises:
        BundleInvalid: A file cannot be read, or a property is not one.
    """
    schema_file = bundle.folder / "schema.cedarschema"
    schema_text = text_of(schema_file, read_bytes(schema_file))
    found: list[Rule] = []
    findings: list[str] = []
    for file in _files(bundle.folder):
        text = text_of(file, read_bytes(file))
        try:
            found += parse_rules(file, text)
            findings += type_faults(file, text, schema_text)
        except BundleInvalid as invalid:
            findings += invalid.findings
    findings += _faults(found)
    if findings:
        raise BundleInvalid([f"never/{finding}" for finding in findings])
    named = {entity for one in found for entity in one.named_actions}
    return Properties(tuple(found), groups_of(bundle.schema, named))


def _files(folder: Path) -> list[Path]:
    found = sorted((folder / "never").glob("*"))
    stray = [each.name for each in found if each.suffix != ".cedar"]
    if stray:
        raise BundleInvalid([f"never/{name}: not NAME.cedar, so not read" for name in stray])
    return found


def _faults(found: list[Rule]) -> Iterator[str]:
    seen: set[str] = set()
    for one in found:
        where = f"{one.file} {one.id}"
        if not one.permits:
            yield f"{where}: a property permits what may be; it forbids"
        if not one.annotations.get("why"):
            yield f"{where}: @why is missing"
        for name in sorted(set(one.annotations) - _ANNOTATIONS):
            yield f"{where}: no annotation of a property is called @{name}"
        if one.id in seen:
            yield f"{where}: appears twice"
        seen.add(one.id)
