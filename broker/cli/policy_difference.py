"""`lali policy diff`: who would see more, and who less, under another bundle."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from broker.cli import print_json
from broker.cli.policy_proofs import need_solver
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.ordinary.replay import Replayed, ordinary_views, recorded_views, replayed

Flag = Annotated[bool, Parameter(negative="")]


def diff(
    old: Path, new: Path, *, labels: Path | None = None, table: Flag = False, json: Flag = False
) -> None:
    """Compare two bundles: does anybody newly see anything, or no longer?

    A solver compares them over all labels and gives an example for each feed that gains or
    loses, which both engines decide. Then the engines replay the ordinary alerts of both
    bundles, and labels as recorded. Exit code 0: they release the same, always; 1: they
    differ. Needs z3.

    Example: `lali policy diff policies/pacific my-bundle --table`

    Args:
        old: Folder of the bundle as it is.
        new: Folder of the bundle as it would be.
        labels: Recorded labels, one JSON object a line with `label` and `distribution`.
        table: Print a table for whoever approves, in Markdown.
        json: Print one JSON object.
    """
    need_solver()
    from broker.policy.proof.difference import difference

    before, after = load_bundle(old), load_bundle(new)
    found = difference(before, after)
    rows = [_row(change) for change in found.changes]
    again = list(replayed(before, after, _views(before, after, labels)))
    if json:
        print_json(
            {
                "old": before.digest.hex(),
                "new": after.digest.hex(),
                "equivalent": not rows,
                "changes": rows,
                "replayed": [_replayed(each) for each in again],
                "seconds": round(found.seconds, 3),
            }
        )
    elif table:
        print("\n".join(_table(rows)))  # noqa: T201
    else:
        print("\n".join((*_words(rows), *_replay_words(again))))  # noqa: T201
        print(f"{len(rows)} changes, over all labels, in {found.seconds:.1f} s")  # noqa: T201
    sys.exit(1 if rows or again else 0)


def _views(old: Bundle, new: Bundle, labels: Path | None) -> Any:
    yield from ordinary_views(old)
    yield from ordinary_views(new)
    if labels is not None:
        yield from recorded_views(labels)


def _row(change: Any) -> dict[str, Any]:
    from broker.policy.proof.telling import in_words

    rules = change.by or change.no_longer
    return {
        "feed": change.feed,
        "change": "gains" if change.gains else "loses",
        "sees": [action.removeprefix("see_") for action in change.actions],
        "by": list(change.by),
        "no_longer": list(change.no_longer),
        "example": in_words(change.example, change.seen, rules),
        "confirmed": bool(change.seen),
    }


def _replayed(each: Replayed) -> dict[str, Any]:
    return {"alert": each.alert, "feed": each.feed, "gained": each.gained, "lost": each.lost}


def _words(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["They release the same to everybody, for every label."]
    lines = []
    for row in rows:
        lines.append(f"{row['feed']} {row['change']} {', '.join(row['sees'])}")
        lines.append(f"  e.g. {row['example']}")
        for name, said in (("by", "decided now by"), ("no_longer", "decided no longer by")):
            if row[name]:
                lines.append(f"  {said} {', '.join(row[name])}")
        if not row["confirmed"]:
            lines.append("  the engines do not confirm it: report this as a fault of Lali")
    return lines


def _replay_words(again: list[Replayed]) -> list[str]:
    lines = ["", "Alerts replayed:"] if again else []
    for each in again:
        said = [f"gains {', '.join(each.gained)}"] * bool(each.gained)
        said += [f"loses {', '.join(each.lost)}"] * bool(each.lost)
        lines.append(f"  {each.alert}: {each.feed} {' and '.join(said)}")
    return lines


def _table(rows: list[dict[str, Any]]) -> list[str]:
    lines = ["| feed | | what | by | no longer by | for example |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row['feed']}` | {row['change']} | {', '.join(row['sees'])} | "
        f"{', '.join(row['by'])} | {', '.join(row['no_longer'])} | {row['example']} |"
        for row in rows
    ]
    return lines if rows else ["They release the same to everybody, for every label."]
