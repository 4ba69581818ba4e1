"""The trace of one alert: each revision, each feed, what it saw and did not, by which rules.

Feeds with equal outcome stand together, so that a community of hundreds stays readable.
"""

from typing import Any
from uuid import UUID

from rich.markup import escape
from rich.tree import Tree

from broker.audit.log import AuditEntry, AuditLog
from broker.model.compartment import compartments_in
from broker.model.decision import Outcome

Trace = dict[str, Any]

#: Stages that hand over, and that hear what recipients say of it.
_HANDED_BY = ("DELIVER", "GATEWAY")
_TAKEN = ("delivered", "received", "acknowledged", "acted_upon")
_COLOURS = {"released": "green", "narrowed": "yellow", "recalled": "yellow", "withheld": "dim"}


def trace(log: AuditLog, alert_id: UUID) -> Trace:
    """Return the way of one alert, as data.

    Returns:
        ``alert_id``, and ``revisions``, ``duplicates``, ``quarantined`` in order of time.
    """
    own = [entry for entry in log.entries if entry.alert_id == alert_id]
    handed = [e for e in own if e.stage in _HANDED_BY and e.feed]
    return {
        "alert_id": str(alert_id),
        "revisions": [_revision(log, e, handed) for e in own if e.kind == "DECIDED"],
        "duplicates": [_moment(e) for e in own if e.kind == "DUPLICATE"],
        "quarantined": [
            {**_moment(e), "reason": e.reason, "path": e.path}
            for e in own
            if e.kind == "QUARANTINED"
        ],
    }


def _moment(entry: AuditEntry) -> dict[str, Any]:
    return {"at": entry.at.isoformat(), "revision": entry.revision, "stage": entry.stage}


def _revision(log: AuditLog, entry: AuditEntry, handed: list[AuditEntry]) -> dict[str, Any]:
    assert entry.bundle_digest is not None
    groups: dict[tuple[str, Outcome], list[str]] = {}
    outcomes = log.outcomes(entry)
    for feed, meaning in outcomes.items():
        groups.setdefault(meaning, []).append(feed)
    recalled = {feed for feed, (verdict, _) in outcomes.items() if verdict == "recalled"}
    # A recall that ends this revision belongs to the decision that narrowed it.
    ends: dict[str | None, list[AuditEntry]] = {}
    for each in handed:
        is_recall = each.release_kind == "RECALL" if each.release_kind else each.feed in recalled
        if each.revision == entry.revision and is_recall == (each.feed in recalled):
            ends.setdefault(each.feed, []).append(each)
    return {
        **_moment(entry),
        "originator": entry.originator,
        "message_type": entry.message_type,
        "bundle": entry.bundle_digest.hex(),
        "groups": [
            _group(verdict, outcome, sorted(feeds), entry.present or 0, ends)
            for (verdict, outcome), feeds in sorted(groups.items(), key=_released_first)
        ],
    }


def _released_first(item: tuple[tuple[str, Outcome], list[str]]) -> tuple[int, int, str]:
    (verdict, outcome), feeds = item
    return (list(_COLOURS).index(verdict), -outcome.compartments, min(feeds))


def _group(
    verdict: str,
    outcome: Outcome,
    feeds: list[str],
    present: int,
    ends: dict[str | None, list[AuditEntry]],
) -> dict[str, Any]:
    is_released = verdict in ("released", "narrowed")
    seen = outcome.compartments & present if is_released else 0
    return {
        "outcome": verdict,
        "sees": [name.value for name in compartments_in(seen)],
        "does_not_see": [name.value for name in compartments_in(present & ~seen)],
        "rules": list(outcome.rules),
        "held": list(outcome.held),
        "reason": outcome.reason.value if outcome.reason and not is_released else None,
        "acknowledge_within_seconds": outcome.acknowledge_within_seconds,
        "feeds": [{"feed": feed, **_delivery(ends.get(feed, []))} for feed in feeds],
    }


def _delivery(entries: list[AuditEntry]) -> dict[str, Any]:
    """Return what became of a release to one feed: every entry of it, whoever wrote it.

    What was read by HTTP was disclosed, whatever a connector made of it later.
    """
    if not entries:
        return {}
    said = max(entries, key=lambda entry: (entry.kind == "DELIVERED", entry.at))
    return {**_told(said), "entries": [_told(each) for each in entries]}


def _told(entry: AuditEntry) -> dict[str, Any]:
    return {
        "delivery": entry.kind.lower(),
        "delivered_at": entry.at.isoformat(),
        "reference": entry.reference,
        "delivery_reason": entry.reason,
        "attempts": entry.attempts,
        "compartments": [name.value for name in compartments_in(entry.compartments or 0)],
        "bundle": entry.bundle_digest.hex() if entry.bundle_digest else None,
    }


def trace_tree(found: Trace) -> Tree:
    """Return a trace as a tree for the terminal."""
    tree = Tree(f"[bold]alert {found['alert_id']}[/]", guide_style="dim")
    for revision in found["revisions"]:
        head = (
            f"[bold]revision {revision['revision']}[/] {escape(revision['message_type'])} "
            f"from [cyan]{escape(revision['originator'] or '?')}[/], "
            f"decided {_time(revision['at'])} [dim]bundle {revision['bundle'][:12]}[/]"
        )
        branch = tree.add(head)
        for group in revision["groups"]:
            _add_group(branch, group)
    for duplicate in found["duplicates"]:
        tree.add(f"duplicate of revision {duplicate['revision']}, {_time(duplicate['at'])}")
    for refused in found["quarantined"]:
        where = f" at {refused['path']}" if refused["path"] else ""
        said = escape(f"{refused['reason']}{where}")
        tree.add(f"[red]quarantined[/] {said}, {_time(refused['at'])}")
    if len(found["revisions"] + found["duplicates"] + found["quarantined"]) == 0:
        tree.add("nothing is known of it")
    return tree


def _add_group(branch: Tree, group: dict[str, Any]) -> None:
    verdict, feeds = group["outcome"], group["feeds"]
    count = f"{len(feeds)} feed" + ("" if len(feeds) == 1 else "s")
    line = f"[{_COLOURS[verdict]}]{verdict}[/] {count}"
    if group["reason"]:
        line += f" [dim]{group['reason']}[/]"
    if group["rules"]:
        line += f" by [magenta]{', '.join(group['rules'])}[/]"
    node = branch.add(line)
    if group["sees"]:
        node.add(f"sees {', '.join(group['sees'])}")
        missing = group["does_not_see"]
        node.add(f"[dim]not {', '.join(missing)}[/]" if missing else "[dim]all that it holds[/]")
    if group["acknowledge_within_seconds"]:
        node.add(f"to be acknowledged within {group['acknowledge_within_seconds'] // 60} min")
    if group["held"]:
        node.add(f"[yellow]held for two people:[/] {', '.join(group['held'])}")
    if verdict == "withheld":
        node.add(f"[dim]{', '.join(f['feed'] for f in feeds)}[/]")
        return
    for feed in feeds:
        entries = feed.get("entries", [])
        said = ",".join(map(_handed, entries)) or " [dim]on its topic[/]"
        node.add(f"{feed['feed']}{said}")


def _handed(entry: dict[str, Any]) -> str:
    state = entry["delivery"].replace("_", " ")
    colour = "green" if entry["delivery"] in _TAKEN else "yellow"
    more = escape(entry["delivery_reason"] or entry["reference"] or "")
    return f" [{colour}]{state}[/] {_time(entry['delivered_at'])} [dim]{more}[/]"


def _time(moment: str) -> str:
    return f"{moment[:19]}Z".replace("T", " ")
