"""Whom the ordinary alerts of a bundle reach, by the engine."""

from collections.abc import Iterator
from typing import Any

from broker.errors import BundleInvalid, Rejected
from broker.model.compartment import compartments_in, mask_of
from broker.model.decision import Outcome, Verdict
from broker.policy.decide import Decider
from broker.policy.facts import Facts
from broker.policy.lint import Finding
from broker.policy.ordinary.alerts import OrdinaryAlert, read_ordinary, views_of


def unreached(decider: Decider) -> list[Finding]:
    """Return which ordinary alerts of the decider's bundle do not reach whom they must.

    Raises:
        BundleInvalid: The grid cannot be read, or names what does not exist.
    """
    found: list[Finding] = []
    for file, alert in read_ordinary(decider.bundle.folder):
        unknown = {must.feed for must in alert.must} - set(decider.bundle.community.feeds)
        if unknown:
            raise BundleInvalid([f"{file}: {alert.name}: no active feed is called {min(unknown)}"])
        try:
            found += [
                Finding("error", f"ordinary/{file}", f"{alert.name}{_when(said)}: {text}")
                for said, view in views_of(alert)
                for text in _faults(decider, alert, view)
            ]
        except Rejected as rejected:
            raise BundleInvalid([f"{file}: {alert.name}: {rejected}"]) from None
    return found


def _when(said: str) -> str:
    return f" ({said})" if said else ""


def _faults(decider: Decider, alert: OrdinaryAlert, view: dict[str, Any]) -> Iterator[str]:
    outcomes = outcomes_of(decider, view, mask_of(alert.filled))
    feeds = decider.bundle.community.feeds
    reached = {
        feeds[feed].unit for feed, found in outcomes.items() if found.verdict is Verdict.RELEASE
    }
    if alert.nobody is None and not reached - {view["originator"]}:
        yield "reaches nobody but its originator"
    if alert.nobody is not None and reached - {view["originator"]}:
        yield "reaches somebody, although it says why it reaches nobody"
    for must in alert.must:
        outcome = outcomes[must.feed]
        if outcome.verdict is Verdict.WITHHOLD:
            yield f"does not reach {must.feed} ({', '.join(outcome.rules) or 'no rule permits'})"
            continue
        missing = set(must.sees) - set(compartments_in(outcome.compartments))
        if missing:
            yield f"{must.feed} does not see {', '.join(sorted(missing))}"


def outcomes_of(decider: Decider, view: dict[str, Any], filled: int) -> dict[str, Outcome]:
    """Return what each feed receives of an alert that is neither expired nor under embargo."""
    plan = decider.plan(view, Facts(filled=filled))
    return {
        recipient.feed: group.outcome for group in plan.groups for recipient in group.recipients
    }
