"""Flows: how much went from whom to whom, and what became of it."""

from collections import Counter
from typing import Any

from broker.audit.log import AuditLog

Counts = dict[str, int]

#: What deliver and the gateway did with releases, and what their recipients said of them.
_ENDS = ("DELIVERED", "NOT_DELIVERED", "DEAD_LETTERED")
_ANSWERS = ("RECEIVED", "ACKNOWLEDGED", "ACTED_UPON", "REFUSED")


def by_originator(log: AuditLog) -> dict[str, Counts]:
    """Return, per originator, how many alerts were decided, duplicate and quarantined."""
    found: dict[str, Counter[str]] = {}
    names = {"DECIDED": "accepted", "DUPLICATE": "duplicates", "QUARANTINED": "quarantined"}
    for entry in log.of(*names):
        counts = found.setdefault(entry.originator or "unknown", Counter())
        counts[names[entry.kind]] += 1
        counts["published"] += 1
    return {name: dict(counts) for name, counts in sorted(found.items())}


def by_feed(log: AuditLog) -> dict[str, Counts]:
    """Return, per feed, how many were released, withheld, recalled, handed over and answered."""
    found: dict[str, Counter[str]] = {}
    for entry in log.of("DECIDED"):
        for feed, (verdict, _) in log.outcomes(entry).items():
            # Narrowed is recalled and released in one.
            said = ("released", "recalled") if verdict == "narrowed" else (verdict,)
            found.setdefault(feed, Counter()).update(said)
    for kind in (*_ENDS, *_ANSWERS):
        # Once a release, however many of a unit's readers were shown it.
        ended = {(e.feed, e.alert_id, e.revision, e.release_kind) for e in log.of(kind)}
        for named, count in Counter(each[0] or "unknown" for each in ended).items():
            found.setdefault(named, Counter())[kind.lower()] += count
    return {name: dict(counts) for name, counts in sorted(found.items())}


def between(log: AuditLog) -> dict[tuple[str, str], int]:
    """Return how many releases went from each originator to each feed."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in log.of("DECIDED"):
        for feed, (verdict, _) in log.outcomes(entry).items():
            if verdict in ("released", "narrowed"):
                found[entry.originator or "unknown", feed] += 1
    return dict(found)


def flows(log: AuditLog) -> dict[str, Any]:
    """Return all flows as one object for machines."""
    pairs = [
        {"originator": source, "feed": feed, "released": count}
        for (source, feed), count in sorted(between(log).items())
    ]
    return {
        "originators": by_originator(log),
        "feeds": by_feed(log),
        "between": pairs,
        "unreadable": log.unreadable,
    }
