"""`lali policy prove` and `weaken`: what a bundle can never do, and what watches over it."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from broker.cli import print_json
from broker.errors import SettingsInvalid
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.lint import Finding
from broker.settings import load_settings

_NO_SOLVER = "z3 is not installed here: pip install 'lali[prove]'"

Json = Annotated[bool, Parameter(negative="")]


def prove(*, bundle: Path | None = None, json: Json = False) -> None:
    """Prove the properties of a bundle: over all labels, for its community and for any.

    Properties stand in `never/*.cedar`: each permits all that may be, and a proof shows that
    the rules release nothing else. Where one does not hold, an alert that breaks it is found,
    asked of the engine, told in words, and printed as a case to keep. Needs z3, the extra
    `prove`.

    Example: `lali policy prove --bundle policies/pacific`

    Args:
        bundle: Folder of the bundle; the one in the settings if not given.
        json: Print one JSON object as the last line.
    """
    need_solver()
    from broker.policy.proof.properties import read_properties
    from broker.policy.proof.proving import prove as prove_all

    read = load_bundle(bundle or load_settings().bundle)
    properties = read_properties(read)
    proofs = prove_all(read, properties)
    rows = [_row(refuted) for refuted in proofs.refuted]
    if json:
        print_json(
            {
                "properties": len(properties.all),
                "proved": len(proofs.proved),
                "refuted": len(proofs.refuted),
                "not_translated": len(proofs.not_translated),
                "seconds": round(proofs.seconds, 3),
                "counterexamples": rows,
                "untranslated": proofs.not_translated,
            }
        )
    else:
        _tell(rows, proofs.not_translated)
        print(  # noqa: T201
            f"{len(properties.all)} properties, {len(proofs.proved)} proved, "
            f"{len(proofs.refuted)} refuted, {len(proofs.not_translated)} not translated, "
            f"in {proofs.seconds:.1f} s"
        )
    whole = properties.all and len(proofs.proved) == len(properties.all)
    sys.exit(0 if whole else 1)


def weaken(*, bundle: Path | None = None, verbose: Json = False, json: Json = False) -> None:
    """Weaken a bundle in every place and see that a property or a case notices.

    Each forbid is left out and each part of each condition loosened, one at a time. What
    nothing catches must be named in `weakening.toml` of the bundle, with why. Needs z3.

    Example: `lali policy weaken --verbose`

    Args:
        bundle: Folder of the bundle; the one in the settings if not given.
        verbose: Show what caught each, too.
        json: Print one JSON object.
    """
    need_solver()
    from broker.policy.proof.properties import read_properties
    from broker.policy.proof.weakening import weaken as weaken_all

    read = load_bundle(bundle or load_settings().bundle)
    found = weaken_all(read, read_properties(read))
    if json:
        print_json({"tried": found.tried, **asdict(found)})
    else:
        for group, names in asdict(found).items():
            if verbose or group in ("uncaught", "stale"):
                for name in names:
                    print(f"{group.replace('_', ' ')}: {name}")  # noqa: T201
        print(  # noqa: T201
            f"{found.tried} weakened: {len(found.by_property)} caught by a property, "
            f"{len(found.by_case)} by a case, {len(found.harmless)} harmless here, "
            f"{len(found.named)} named, {len(found.uncaught)} caught by nothing, "
            f"{len(found.stale)} named in vain"
        )
    sys.exit(1 if found.uncaught or found.stale else 0)


def why_not_analysed(found: list[Finding]) -> str | None:
    """Return why a solver is not asked about a bundle with these findings, or None."""
    if any(finding.severity == "error" for finding in found):
        return "mend the errors first"
    return None if solver_found() else _NO_SOLVER


def idle_findings(bundle: Bundle) -> list[Finding]:
    """Return what in *bundle* decides nothing, and what nobody receives."""
    from broker.policy.proof.findings import decides_nothing
    from broker.policy.proof.properties import read_properties

    return decides_nothing(bundle, read_properties(bundle))


def need_solver() -> None:
    """Stop with one line where z3 is not installed.

    Raises:
        SettingsInvalid: It is not.
    """
    if not solver_found():
        raise SettingsInvalid(_NO_SOLVER)


def solver_found() -> bool:
    """Whether z3 is installed."""
    try:
        import z3  # noqa: F401
    except ImportError:
        return False
    return True


def _row(refuted: Any) -> dict[str, Any]:
    from broker.policy.proof.telling import as_case, in_words

    request, seen = refuted.request, refuted.released
    return {
        "property": refuted.one.id,
        "file": f"never/{refuted.one.file}",
        "why": refuted.one.annotations["why"],
        "world": refuted.world,
        "words": in_words(request, seen, refuted.rules),
        "confirmed": refuted.confirmed,
        "case": as_case(request, seen, f"{refuted.one.id}: what broke it"),
    }


def _tell(rows: list[dict[str, Any]], untranslated: list[str]) -> None:
    for row in rows:
        print(f"refuted: {row['file']} {row['property']}: {row['why']}")  # noqa: T201
        print(f"  in {row['world']}: {row['words']}")  # noqa: T201
        if not row["confirmed"]:
            print("  the engine does not confirm it: report this as a fault of Lali")  # noqa: T201
        if row["case"]:
            print("\n" + row["case"] + "\n")  # noqa: T201
    for text in untranslated:
        print(f"not translated: {text}")  # noqa: T201
