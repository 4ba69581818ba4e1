"""The dry run: what would become of an alert, as far as its originator may know.

The engine that decides in the broker decides here. Nothing is published and nothing kept.
"""

import re
from collections.abc import Iterable, Iterator

from broker.model.alert import Alert
from broker.model.community import Feed, Organisation, Unit
from broker.model.compartment import compartments_in
from broker.model.decision import Outcome, Plan, Verdict
from broker.model.preview import Effect, Preview, PreviewRow, RuleSaid
from broker.model.warning import AlertWarning
from broker.pipeline.content_warnings import content_warnings
from broker.pipeline.identifying import identifying
from broker.pipeline.label_warnings import reach_warnings, time_warnings
from broker.policy.acquainted import Acquaintance, acquaintance, known_names
from broker.policy.decide import Decider, view_of
from broker.policy.directory import Directory
from broker.policy.facts import facts_at

_GUARD_WHY = "A guard in code, behind the rules."


def preview(
    alert: Alert, decider: Decider, moment: int, found: Iterable[AlertWarning] | None = None
) -> Preview:
    """Return what would become of *alert*, as its originator may know it.

    Args:
        alert: What would be published.
        decider: The bundle in force.
        moment: For which moment, epoch milliseconds.
        found: What `found_in` found in it, where it was asked before.
    """
    filled = alert.compartments.mask
    facts = facts_at(alert.label, alert.distribution, moment, filled)
    plan = decider.plan(view_of(alert.label, alert.distribution), facts)
    rows = _Rows(alert, decider)
    receives = rows.of(plan, Verdict.RELEASE)
    known = known_names(decider.bundle.community, alert.label.originator)
    warnings: tuple[AlertWarning, ...] = (
        *(found_in(alert) if found is None else found),
        *time_warnings(alert.label, alert.distribution, moment),
        *reach_warnings(alert, decider, known),
    )
    return Preview(
        feeds=sum(row.feeds for row in receives),
        receives=receives,
        withheld=rows.of(plan, Verdict.WITHHOLD),
        warnings=warnings,
    )


def found_in(alert: Alert) -> tuple[AlertWarning, ...]:
    """Return what to look at in the content of *alert*; a long one may take a second."""
    return (*identifying(alert), *content_warnings(alert))


class _Rows:
    """Decisions as rows that the alert's originator may see."""

    def __init__(self, alert: Alert, decider: Decider) -> None:
        self._community = decider.bundle.community
        self._originator = alert.label.originator
        self._present = alert.compartments.mask
        self._rules = _Rules(decider, self._originator)

    def of(self, plan: Plan, verdict: Verdict) -> tuple[PreviewRow, ...]:
        """Return the rows of every feed with this *verdict*, those that look alike as one."""
        counted: dict[PreviewRow, int] = {}
        masks: dict[PreviewRow, int] = {}
        for feed, outcome in _decided(plan, verdict):
            row = self._row(self._community.feeds[feed], outcome)
            counted[row] = counted.get(row, 0) + 1
            masks[row] = masks.get(row, 0) | outcome.compartments
        released = verdict is Verdict.RELEASE
        rows = [self._filled(row, counted[row], masks[row], released=released) for row in counted]
        return tuple(sorted(rows, key=_order))

    def _row(self, feed: Feed, outcome: Outcome) -> PreviewRow:
        """Return the row of *feed*, without what is summed up over rows that look alike."""
        unit = self._community.units[feed.unit]
        seen_as = acquaintance(self._community, self._originator, unit.id)
        if seen_as is Acquaintance.COUNTED:
            return PreviewRow(recipient_class=unit.kind)
        named = seen_as is Acquaintance.NAMED
        mask = outcome.compartments & self._present
        return PreviewRow(
            feed=feed.id if named else None,
            unit=unit.id if named else None,
            recipient_class=unit.kind,
            country=unit.country or self._community.organisations[unit.organisation].country,
            purpose=feed.purpose,
            sees=tuple(compartments_in(mask)),
            rules=self._rules.said(outcome),
            reason=outcome.reason,
            acknowledge_within_seconds=outcome.acknowledge_within_seconds,
        )

    def _filled(self, row: PreviewRow, feeds: int, mask: int, *, released: bool) -> PreviewRow:
        sees, withheld = self._present & mask, self._present & ~mask if released else 0
        summed = {
            "feeds": feeds,
            "sees": tuple(compartments_in(sees)),
            "withheld": tuple(compartments_in(withheld)),
        }
        return row.model_copy(update=summed)


class _Rules:
    """Rules as an originator may read them: one that names a recipient it may not know is mute."""

    def __init__(self, decider: Decider, originator: str) -> None:
        self._by_id = decider.bundle.rules.by_id
        self._hidden = tuple(_hidden(decider.bundle.community, originator))
        self._said: dict[str, RuleSaid | None] = {}

    def said(self, outcome: Outcome) -> tuple[RuleSaid, ...]:
        """Return the rules of *outcome*, held ones behind the others."""
        found = [self._rule(name) for name in (*outcome.rules, *outcome.held)]
        return tuple(rule for rule in found if rule is not None)

    def _rule(self, name: str) -> RuleSaid | None:
        if name not in self._said:
            self._said[name] = self._speakable(name)
        return self._said[name]

    def _speakable(self, name: str) -> RuleSaid | None:
        rule = self._by_id.get(name)
        if rule is None:
            return RuleSaid(id=name, effect=Effect.GUARD, why=_GUARD_WHY)
        why = rule.annotations.get("why", "")
        if any(hidden in _slug(f"{name} {why}") for hidden in self._hidden):
            return None
        if rule.held:
            return RuleSaid(id=name, effect=Effect.HOLD, why=why)
        return RuleSaid(id=name, effect=Effect.PERMIT if rule.permits else Effect.FORBID, why=why)


def _hidden(directory: Directory, originator: str) -> Iterator[str]:
    """Yield ids and names of feeds, units and organisations that *originator* may not know."""
    known = known_names(directory, originator)
    members: list[Organisation | Unit] = [
        *directory.units.values(),
        *directory.organisations.values(),
    ]
    for member in members:
        if member.id not in known:
            yield from (_slug(member.id), _slug(member.name))
    yield from (_slug(feed.id) for feed in directory.feeds.values() if feed.unit not in known)


def _slug(text: str) -> str:
    """Return *text* as words between hyphens, so that a name is found in a sentence, too."""
    return f"-{re.sub(r'[^a-z0-9]+', '-', text.casefold()).strip('-')}-"


def _decided(plan: Plan, verdict: Verdict) -> Iterator[tuple[str, Outcome]]:
    for group in plan.groups:
        if group.outcome.verdict is verdict:
            yield from ((recipient.feed, group.outcome) for recipient in group.recipients)


def _order(row: PreviewRow) -> tuple[str, ...]:
    # Named ones first; never in an order that tells the names of the others.
    shown = (row.recipient_class, row.country or "", row.purpose or "")
    return ("" if row.feed else "~", row.feed or "", *shown, row.model_dump_json())
