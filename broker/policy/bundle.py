"""A bundle: community, Cedar schema and rules, read once and named by one digest.

The digest covers what decides: ``community.toml``, ``schema.cedarschema``, ``rules/*.cedar``,
names and bytes. Cases and prose may improve without a new bundle. Connector settings are the
operator's and no part of it.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import cedarpy

from broker.errors import BundleInvalid
from broker.policy.directory import Directory, read_directory
from broker.policy.rules import Rule, RuleSet

_GROUP = re.compile(r'action\s+((?:"?\w+"?\s*,\s*)*"?\w+"?)\s+in\s+\[([^\]]*)\]')


@dataclass(frozen=True)
class Bundle:
    """What decides.

    Attributes:
        folder: Where it was read from.
        digest: SHA-256 that names it.
        community: Who exists.
        schema_text: The Cedar schema.
        schema: The same, parsed.
        rules: The rules, sliced.
    """

    folder: Path
    digest: bytes
    community: Directory
    schema_text: str
    schema: cedarpy.Schema
    rules: RuleSet

    @property
    def rules_text(self) -> str:
        """All rule files, one after the other."""
        return "\n".join(file.read_text() for file in rule_files(self.folder))


def load_bundle(folder: Path) -> Bundle:
    """Read the bundle in *folder*.

    Raises:
        BundleInvalid: With everything that was found wrong.
    """
    schema_file = folder / "schema.cedarschema"
    try:
        schema_text = schema_file.read_text()
        schema = cedarpy.Schema.from_str(schema_text)
        files = {file: file.read_text() for file in rule_files(folder)}
    except (OSError, ValueError) as error:
        raise BundleInvalid([f"{folder.name}: {error}"]) from None
    directory = read_directory(folder / "community.toml")
    rules = [rule for file, text in files.items() for rule in _parse(file, text)]
    _refuse_repeated_ids(rules)
    everything = "\n".join(files.values())
    checked = cedarpy.validate_policies(everything, schema_text)
    if not checked.validation_passed:
        raise BundleInvalid([str(error.error) for error in checked.errors])
    return Bundle(
        folder=folder,
        digest=_digest(folder, [folder / "community.toml", schema_file, *files]),
        community=directory,
        schema_text=schema_text,
        schema=schema,
        rules=RuleSet(rules, action_groups(schema_text)),
    )


def rule_files(folder: Path) -> list[Path]:
    """Return the rule files of a bundle, sorted."""
    return sorted((folder / "rules").glob("*.cedar"))


def action_groups(schema_text: str) -> dict[str, frozenset[str]]:
    """Return, per action of a Cedar schema, the groups it is in, and the groups those are in."""
    direct: dict[str, set[str]] = {}
    for names, groups in _GROUP.findall(_without_comments(schema_text)):
        found = set(re.findall(r'"(\w+)"|(\w+)', groups.replace("Action::", "")))
        flat = {quoted or bare for quoted, bare in found}
        for quoted, bare in re.findall(r'"(\w+)"|(\w+)', names):
            direct.setdefault(quoted or bare, set()).update(flat)
    return {action: frozenset(_closure(action, direct)) for action in direct}


def _closure(action: str, direct: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = set(direct.get(action, ()))
    while waiting:
        group = waiting.pop()
        if group not in found:
            found.add(group)
            waiting |= direct.get(group, set())
    return found


def _without_comments(text: str) -> str:
    return re.sub(r"//[^\n]*", "", text)


def _parse(file: Path, text: str) -> list[Rule]:
    try:
        templates = cedarpy.PolicySet.from_str(text).to_pst().static_policies.values()
    except ValueError as error:
        raise BundleInvalid([f"{file.name}: {error}"]) from None
    unnamed = [t for t in templates if not t.annotations.get("id")]
    if unnamed:
        raise BundleInvalid([f"{file.name}: {len(unnamed)} rules have no @id"])
    return [Rule(t.annotations["id"], file.name, t) for t in templates]


def _refuse_repeated_ids(rules: list[Rule]) -> None:
    ids = [rule.id for rule in rules]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise BundleInvalid([f"@id {name} appears twice" for name in repeated])


def _digest(folder: Path, files: list[Path]) -> bytes:
    total = hashlib.sha256()
    for file in sorted(files):
        name = file.relative_to(folder).as_posix().encode()
        content = file.read_bytes()
        total.update(len(name).to_bytes(8, "big") + name)
        total.update(len(content).to_bytes(8, "big") + content)
    return total.digest()
