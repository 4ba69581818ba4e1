"""The answer of `lali policy who` for people: who would receive what, and who would not."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from broker.cli.plain import plain
from broker.model.decision import Verdict
from broker.model.reason import Reason

_WHY = {
    Reason.NO_RULE_PERMITS: "no rule permits it",
    Reason.RULE_FORBIDS: "forbidden",
    Reason.EXPIRED: "the alert has expired",
    Reason.EMBARGOED: "the embargo has not passed",
    Reason.NOT_OPERATIONAL: "a drill, or a status that is not known",
    Reason.HELD: "held until two people approve",
    Reason.POLICY_ERROR: "the policy failed, so nobody receives",
}


def answer(alert_id: str, rows: list[dict[str, Any]], width: int) -> str:
    """Return *rows* as text of at most *width* columns: releases first, withheld by reason."""
    released = [row for row in rows if row["verdict"] == Verdict.RELEASE.value]
    lines = [f"Alert {plain(alert_id)}: {len(released)} of {len(rows)} feeds would receive it."]
    for row in released:
        lines += ["", f"{row['feed']}  ({row['unit']}, {row['purpose']})"]
        lines += _released(row, width)
    withheld = [row for row in rows if row["verdict"] != Verdict.RELEASE.value]
    if withheld:
        lines += ["", "Nothing for:"]
        lines += _withheld(withheld, width)
    return "\n".join(lines)


def _released(row: dict[str, Any], width: int) -> Iterator[str]:
    yield from _entry("sees", row["sees"] or ["the label only"], width)
    if row["withheld"]:
        yield from _entry("not", row["withheld"], width)
    yield from _entry("by", row["rules"], width)
    if row["held"]:
        yield from _entry("held", row["held"], width)
    if row["acknowledge_within_seconds"] is not None:
        yield from _entry("ack", [f"within {row['acknowledge_within_seconds']} s"], width)


def _withheld(rows: list[dict[str, Any]], width: int) -> Iterator[str]:
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in rows:
        rules = tuple(row["rules"] + [f"held: {name}" for name in row["held"]])
        grouped.setdefault((row["reason"], rules), []).append(row["feed"])
    for (reason, rules), feeds in grouped.items():
        by = f" by {', '.join(rules)}" if rules else ""
        yield ""
        yield from wrap(
            f"{reason}{by} - {_WHY[Reason(reason)]}",
            width,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
        yield from _entry("", feeds, width)


def _entry(name: str, words: list[str], width: int) -> list[str]:
    return wrap(
        ", ".join(words),
        width,
        initial_indent=f"  {name:<6}",
        subsequent_indent=" " * 8,
        break_on_hyphens=False,
    )
