# ruff: noqa: INP001, T201 - a script, no module of a package; it prints
"""Prove a bundle's properties once more, by Cedar's own analysis: a second opinion.

    python deploy/prove/cedar.py CEDAR SOLVER [BUNDLE]

CEDAR is the executable of cedar-policy-cli with the feature ``analyze``, SOLVER one that reads
SMT-LIB on standard input. Each property is checked for each action that it binds: what the
rules release, the property lets be. Lali's guards stand beside the rules as forbids. What else
it adds (names of no unit are dropped, who may not receive sees nothing) is not in it: a property
that rests on these is not confirmed here.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cedarpy

from broker.policy.bundle import load_bundle
from broker.policy.proof.properties import read_properties

#: What broker/policy/guards.py withholds, in the language of rules.
GUARDS = """
@id("guards")
forbid (principal, action, resource)
when {
  context.expired || context.embargoed ||
  (resource.status != "ACTUAL" && context.operational) || resource.tlp == "UNKNOWN" ||
  (resource.tlp == "RED" && !resource.named_recipients.containsAny(principal.names))
};
"""


def policies(files: list[Path], keep: Callable[[dict[str, str]], bool], beside: str = "") -> str:
    """Return, as Cedar's JSON, the policies in *files* whose annotations *keep* wants."""
    text = "\n".join((beside, *(file.read_text() for file in sorted(files))))
    found: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    kept = {
        name: policy
        for name, policy in found["staticPolicies"].items()
        if keep(policy.get("annotations", {}))
    }
    return json.dumps({**found, "staticPolicies": kept})


def main() -> int:
    """Check every property for every action; return how many checks failed."""
    cedar, solver, *rest = sys.argv[1:]
    folder = Path(rest[0] if rest else "policies/pacific")
    bundle = load_bundle(folder)
    properties = read_properties(bundle)
    failed = checks = 0
    with tempfile.TemporaryDirectory() as place:
        rules, one_file = Path(place, "rules.json"), Path(place, "property.json")
        rules.write_text(
            policies(
                list((folder / "rules").glob("*.cedar")),
                lambda notes: "hold" not in notes,
                beside=GUARDS,
            )
        )
        for one in properties.all:
            wanted = one.id
            files = list((folder / "never").glob("*.cedar"))
            one_file.write_text(policies(files, lambda notes, id_=wanted: notes["id"] == id_))
            for action in properties.bound(one):
                said = implied(cedar, solver, folder, action, rules, one_file)
                checks += 1
                if "VERIFIED" not in said:
                    failed += 1
                    print(f"{one.id}, {action}: {said.strip()}")
    print(f"Cedar's analysis: {checks} checks, {failed} not confirmed")
    return failed


def implied(cedar: str, solver: str, folder: Path, action: str, rules: Path, one: Path) -> str:
    """Return what Cedar says: whether all that *rules* allow of *action*, *one* allows."""
    command = [
        cedar, "symcc", "--principal-type", "Lali::Unit",
        "--action", f'Lali::Action::"{action}"', "--resource-type", "Lali::Alert",
        "--schema", str(folder / "schema.cedarschema"), "--no-counterexample", "implies",
        "--policies1", str(rules), "--policies1-format", "json",
        "--policies2", str(one), "--policies2-format", "json",
    ]  # fmt: skip
    ran = subprocess.run(  # noqa: S603 - the two executables named on the command line
        command, capture_output=True, text=True, check=False, env={**os.environ, "CVC5": solver}
    )
    return ran.stdout + ran.stderr


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
