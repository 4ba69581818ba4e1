"""A bundle: community, Cedar schema and rules, read once and named by one digest.

The digest covers what decides: ``community.toml``, ``schema.cedarschema``, ``rules/*.cedar``,
names and bytes. Cases and prose may improve without a new bundle. Connector settings are the
operator's and no part of it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cedarpy

from broker.errors import BundleInvalid
from broker.model.label import Distribution, Label
from broker.policy.actions import groups_of
from broker.policy.directory import Directory, directory_in
from broker.policy.entities import alert_entity, community_entities, reduce_view
from broker.policy.files import read_bytes, text_of
from broker.policy.rules import Rule, RuleSet


@dataclass(frozen=True)
class Bundle:
    """What decides.

    Attributes:
        folder: Where it was read from.
        digest: SHA-256 that names it.
        community: Who exists.
        schema: The Cedar schema, parsed.
        rules: The rules, sliced.
        tells_filled: Whether its schema has rules told which compartments are filled; those
            from before do not.
    """

    folder: Path
    digest: bytes
    community: Directory
    schema: cedarpy.Schema
    rules: RuleSet
    tells_filled: bool = False


def load_bundle(folder: Path) -> Bundle:
    """Read the bundle in *folder*.

    Raises:
        BundleInvalid: With everything that was found wrong.
    """
    if not folder.is_dir():
        raise BundleInvalid([f"{folder}: no such folder"])
    community, schema_file = folder / "community.toml", folder / "schema.cedarschema"
    # Each file is read once: what decides is what the digest names.
    contents = {f: read_bytes(f) for f in (community, schema_file, *_rule_files(folder))}
    texts = {file: text_of(file, content) for file, content in contents.items()}
    schema_text = texts.pop(schema_file)
    directory = directory_in(community, texts.pop(community))
    schema = _schema(schema_file, schema_text)
    tells_filled = _fitting(schema_file, schema, directory)
    rules = _rules(texts, schema_text)
    named = {entity for rule in rules for entity in rule.named_actions}
    try:
        groups = groups_of(schema, named)
    except ValueError as error:
        raise BundleInvalid([f"{schema_file.name}: {error}"]) from None
    return Bundle(
        folder=folder,
        digest=_digest(folder, contents),
        community=directory,
        schema=schema,
        rules=RuleSet(rules, groups),
        tells_filled=tells_filled,
    )


def _rule_files(folder: Path) -> list[Path]:
    """Return the rule files of a bundle, sorted; nothing else may lie among them."""
    found = sorted(each for each in (folder / "rules").rglob("*") if not each.is_dir())
    # A forbid in a file that is not read would be no forbid.
    stray = [f for f in found if f.suffix != ".cedar" or f.parent != folder / "rules"]
    if stray:
        names = (each.relative_to(folder).as_posix() for each in stray)
        raise BundleInvalid([f"{name}: not rules/NAME.cedar, so not read" for name in names])
    if not found:
        raise BundleInvalid([f"{folder.name}: no file rules/NAME.cedar"])
    return found


def _schema(file: Path, text: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise BundleInvalid([f"{file.name}: {error}"]) from None


def _fitting(file: Path, schema: cedarpy.Schema, directory: Directory) -> bool:
    """Return whether a schema knows which compartments are filled.

    Raises:
        BundleInvalid: It does not take what the broker shows: every decision would fail.
    """
    reduced = reduce_view(_any_view())
    try:
        entities = community_entities(directory, schema)
        groups_of(schema, ())
        try:
            entities.with_added_json_str(alert_entity(reduced, []), schema)
        except ValueError:
            entities.with_added_json_str(alert_entity(reduced), schema)
            return False
    except ValueError as error:
        text = f"{file.name}: does not fit what the broker shows to rules: {error}"
        raise BundleInvalid([text]) from None
    return True


def _any_view() -> dict[str, Any]:
    label = Label.model_validate(
        {
            "alert_id": "00000000-0000-4000-8000-000000000000",
            "originated_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-02T00:00:00Z",
            "originator": "anyone",
            "tlp": "UNKNOWN",
            "source_type": "UNKNOWN",
        }
    )
    return label.model_dump() | Distribution.model_validate({}).model_dump()


def _rules(texts: dict[Path, str], schema_text: str) -> list[Rule]:
    findings: list[str] = []
    rules: list[Rule] = []
    for file, text in texts.items():
        try:
            rules += parse_rules(file, text)
            findings += type_faults(file, text, schema_text)
        except BundleInvalid as invalid:
            findings += invalid.findings
    findings += _repeated(rules)
    if findings:
        raise BundleInvalid(findings)
    return rules


def _repeated(rules: list[Rule]) -> list[str]:
    files: dict[str, list[str]] = {}
    for rule in rules:
        files.setdefault(rule.id, []).append(rule.file)
    return [
        f"@id {name} appears twice: {', '.join(sorted(found))}"
        for name, found in sorted(files.items())
        if len(found) > 1
    ]


def parse_rules(file: Path, text: str) -> list[Rule]:
    """Return the rules in *text*, which *file* held.

    Raises:
        BundleInvalid: It is no Cedar, or a rule has no ``@id``.
    """
    try:
        parsed = cedarpy.PolicySet.from_str(text).to_pst()
    except ValueError as error:
        raise BundleInvalid([f"{file.name}: {error}"]) from None
    if parsed.templates:
        # Cedar decides by no template that is not linked: a forbid in one would be no forbid.
        raise BundleInvalid([f"{file.name}: ?principal and ?resource stand for nobody here"])
    rules = parsed.static_policies.values()
    unnamed = [t for t in rules if not t.annotations.get("id")]
    if unnamed:
        raise BundleInvalid([f"{file.name}: {len(unnamed)} rules have no @id"])
    return [Rule(t.annotations["id"], file.name, t) for t in rules]


def type_faults(file: Path, text: str, schema_text: str) -> list[str]:
    """Return what Cedar's own validation finds wrong in *text* under *schema_text*."""
    checked = cedarpy.validate_policies(text, schema_text)
    names = checked.id_annotations_by_policy_id
    faults = []
    for fault in checked.errors:
        said = str(fault.error).removeprefix(f"for policy `{fault.policy_id}`, ")
        faults.append(f"{file.name} {names.get(fault.policy_id, fault.policy_id)}: {said}")
    return faults


def _digest(folder: Path, contents: dict[Path, bytes]) -> bytes:
    total = hashlib.sha256()
    for file, content in sorted(contents.items()):
        name = file.relative_to(folder).as_posix().encode()
        total.update(len(name).to_bytes(8, "big") + name)
        total.update(len(content).to_bytes(8, "big") + content)
    return total.digest()
