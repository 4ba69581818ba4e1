"""`lali policy`: check, test and prove a bundle, and ask who would see an alert."""

import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter

from broker.cli import print_json
from broker.cli.policy_difference import diff
from broker.cli.policy_explained import explain
from broker.cli.policy_matrix import matrix
from broker.cli.policy_proofs import idle_findings, prove, weaken, why_not_analysed
from broker.cli.warnings import warning_line, warnings_of
from broker.cli.who import answer
from broker.clock import epoch_ms
from broker.errors import Rejected, SettingsInvalid
from broker.model.alert import Alert
from broker.model.compartment import compartments_in
from broker.model.decision import Plan
from broker.model.reason import Reason
from broker.pipeline.publish import split
from broker.policy.bundle import load_bundle
from broker.policy.cases import try_cases
from broker.policy.decide import Decider, view_of
from broker.policy.facts import facts_at
from broker.policy.lint import Finding, lint_as_written, lint_by_cases
from broker.policy.ordinary.reach import unreached
from broker.settings import load_settings
from broker.wire.alert_codec import decode_alert
from connectors.intake import lali_json

app = cyclopts.App(
    name="policy", help="Check, test and prove a bundle; ask who would see an alert."
)
app.command(prove)
app.command(weaken)
app.command(diff)
app.command(explain)
app.command(matrix)

Json = Annotated[bool, Parameter(negative="")]


def _decider(bundle: Path | None) -> Decider:
    return Decider(load_bundle(bundle or load_settings().bundle))


@app.command
def check(*, bundle: Path | None = None, json: Json = False) -> None:
    """Check a bundle: Cedar's own validation, unknown names, failing cases, idle rules.

    Rules and branches that decide nothing, and compartments that nobody receives, are found
    by a solver: z3, the extra `prove`. Without it that part is reported as not run. Where rules
    are wrong as they are written, cases and solver wait until that is mended.

    Example: `lali policy check --bundle policies/pacific`

    Args:
        bundle: Folder of the bundle; the one in the settings if not given.
        json: Print one JSON object.
    """
    decider = _decider(bundle)
    found = _found_by_engine(decider)
    not_run = why_not_analysed(found)
    if not not_run:
        found += idle_findings(decider.bundle)
    errors = [finding for finding in found if finding.severity == "error"]
    if json:
        rows = [{"severity": f.severity, "where": f.where, "text": f.text} for f in found]
        print_json({"findings": rows, "errors": len(errors), "not_run": not_run})
    else:
        for finding in found:
            print(f"{finding.severity}: {finding.where}: {finding.text}")  # noqa: T201
        rules, feeds = decider.bundle.rules.rules, decider.bundle.community.feeds
        print(  # noqa: T201
            f"{len(rules)} rules, {len(feeds)} feeds, bundle {decider.bundle.digest.hex()[:12]}: "
            f"{len(errors)} errors, {len(found) - len(errors)} warnings"
            + (f"; rules that decide nothing: not run ({not_run})" if not_run else "")
        )
    sys.exit(1 if errors else 0)


def _found_by_engine(decider: Decider) -> list[Finding]:
    """Return what is wrong as written; where that is no error, what cases and alerts say too."""
    found = lint_as_written(decider.bundle)
    if not any(finding.severity == "error" for finding in found):
        found += lint_by_cases(decider.bundle, try_cases(decider)) + unreached(decider)
    return found


@app.command(name="test")
def try_bundle(*, bundle: Path | None = None, verbose: Json = False, json: Json = False) -> None:
    """Try every case of a bundle on the real engine.

    Example: `lali policy test --verbose`

    Args:
        bundle: Folder of the bundle; the one in the settings if not given.
        verbose: Show the cases that hold, too.
        json: Print one JSON object.
    """
    decider = _decider(bundle)
    tried = try_cases(decider)
    failed = [each for each in tried if each.differences]
    decided = {r for t in tried for r in t.decision.outcome.rules + t.decision.outcome.held}
    rules = decider.bundle.rules.by_id
    if json:
        rows = [
            {"file": t.file, "case": t.case.name, "differences": list(t.differences)} for t in tried
        ]
        print_json(
            {"cases": rows, "failed": len(failed), "rules_decided": len(decided & set(rules))}
        )
    else:
        for each in tried if verbose else failed:
            said = "; ".join(each.differences)
            outcome = f"FAILS: {said}" if said else "holds"
            print(f"{each.file}: {each.case.name} ({each.case.feed}): {outcome}")  # noqa: T201
        print(  # noqa: T201
            f"{len(tried)} cases, {len(failed)} failed; "
            f"{len(decided & set(rules))} of {len(rules)} rules decided one"
        )
    sys.exit(1 if failed or not tried else 0)


@app.command
def who(
    *,
    alert: Path,
    feed: str | None = None,
    at: str | None = None,
    bundle: Path | None = None,
    json: Json = False,
) -> None:
    """Show which feeds would receive an alert, what they would see, and by which rules.

    Nothing is sent, and no Kafka is needed. The same engine decides as in the broker.
    Parts that the alert leaves empty are not shown. Warnings name what identifies people in
    the summary, and labels that reach nobody.

    Example: `lali policy who --alert my-alert.json --at 2026-06-01T00:00:00Z`

    Args:
        alert: Lali JSON, or a framed Avro alert (.avro).
        feed: Only this feed.
        at: The moment to ask for, with its zone; now if not given. It decides on expiry and
            embargo.
        bundle: Folder of the bundle; the one in the settings if not given.
        json: Print one JSON object.
    """
    decider = _decider(bundle)
    read = _read_alert(alert)
    now = _moment(at)
    facts = facts_at(read.label, read.distribution, now, read.compartments.mask)
    plan = decider.plan(view_of(read.label, read.distribution), facts)
    rows = [row for row in _rows(plan, read.compartments.mask) if feed in (None, row["feed"])]
    if feed is not None and not rows:
        raise SettingsInvalid(f"no active feed is called {feed}")
    warnings = warnings_of(read, decider, now)
    if json:
        said = [each.model_dump(mode="json", exclude_none=True) for each in warnings]
        print_json({"alert_id": str(read.label.alert_id), "feeds": rows, "warnings": said})
        return
    print(answer(str(read.label.alert_id), rows, _width()))  # noqa: T201
    for warning in warnings:
        print(warning_line(warning))  # noqa: T201


def _rows(plan: Plan, present: int) -> list[dict[str, Any]]:
    return [
        {
            "feed": recipient.feed,
            "unit": recipient.unit,
            "purpose": recipient.purpose,
            "verdict": group.outcome.verdict.value,
            "sees": [n.value for n in compartments_in(group.outcome.compartments & present)],
            "withheld": [n.value for n in compartments_in(present & ~group.outcome.compartments)],
            "rules": list(group.outcome.rules),
            "held": list(group.outcome.held),
            "reason": group.outcome.reason.value if group.outcome.reason else None,
            "acknowledge_within_seconds": group.outcome.acknowledge_within_seconds,
        }
        for group in plan.groups
        for recipient in group.recipients
    ]


def _width() -> int:
    return max(40, min(shutil.get_terminal_size().columns, 120))


def _moment(at: str | None) -> int:
    if at is None:
        return epoch_ms()
    refused = SettingsInvalid("--at takes a date with its zone, such as 2026-06-01T00:00:00Z")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        # The error's own text repeats what was typed, and a name may have been.
        raise refused from None
    if moment.tzinfo is None:
        raise refused
    return int(moment.timestamp() * 1000)


def _read_alert(file: Path) -> Alert:
    try:
        content = file.read_bytes()
    except OSError:
        raise Rejected(Reason.FILE_UNREADABLE, file.name) from None
    if file.suffix == ".avro":
        return decode_alert(content)
    return split(lali_json.parse(content))
