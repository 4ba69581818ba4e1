"""Decide again, just before handing over: the ledger first, then the bundle of today.

A feed that was away for days never receives what has since expired, been withdrawn,
superseded or forbidden. What this answers can only be less than what was released.
"""

from dataclasses import dataclass

from broker.errors import Rejected
from broker.model.decision import Verdict
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.pipeline.holding import Holding, Share
from broker.pipeline.project import narrow
from broker.policy.decide import Decider
from broker.policy.facts import Facts
from broker.wire.layout import layout_of


@dataclass(frozen=True, slots=True)
class Handover:
    """Hand this over; it may be less than what was released."""

    release: Release


@dataclass(frozen=True, slots=True)
class Stay:
    """Hand nothing over, for this reason."""

    reason: Reason


def confirmed(recall: Release, feed: str, holding: Holding | None) -> Handover | Stay:
    """Return whether a *recall* that the hub may not have signed is what the ledger says, too.

    It is where the ledger cannot be read: a recall in doubt is obeyed. It is where the feed's
    share was recalled at that revision or later, and where the share is of a later one: what
    it takes back is superseded anyhow.
    """
    if holding is not None and holding.is_unreadable:
        return Handover(recall)
    share = holding.shares.get(feed) if holding else None
    if share is None or not _takes_back(share, recall.revision):
        return Stay(Reason.LEDGER_DISAGREES)
    return Handover(recall)


def _takes_back(share: Share, revision: int) -> bool:
    return share.revision > revision or (share.recalled and share.revision == revision)


def redecide(
    release: Release, feed: str, holding: Holding, decider: Decider, now: int
) -> Handover | Stay:
    """Return what may be handed over of *release* to *feed* at *now*, epoch milliseconds."""
    if release.kind is ReleaseKind.RECALL:
        return Handover(release)  # whoever may hold anything must learn of it
    if (reason := _ended(release, feed, holding)) is not None:
        return Stay(reason)
    try:
        view = holding.view()
    except Rejected as rejected:
        return Stay(rejected.reason)
    embargo = view["embargo_until"]
    embargoed = embargo is not None and embargo.timestamp() * 1000 > now
    filled = layout_of(release.value).filled(holding.present)
    facts = Facts(holding.expires_at <= now, embargoed, filled)
    outcome = decider.decide(feed, view, facts).outcome
    if outcome.verdict is not Verdict.RELEASE:
        return Stay(outcome.reason or Reason.NO_RULE_PERMITS)
    return Handover(narrow(release, outcome.compartments))


def _ended(release: Release, feed: str, holding: Holding) -> Reason | None:
    """Return why the ledger lets *feed* have *release* no more, or None."""
    if holding.is_unreadable:
        return Reason.LEDGER_UNREADABLE
    share = holding.shares.get(feed)
    if share is None or share.revision < release.revision:
        return Reason.LEDGER_DISAGREES
    if share.recalled or holding.cancelled:
        return Reason.RECALLED
    # Of a newer revision: it follows in the same feed.
    return Reason.SUPERSEDED if share.revision > release.revision else None
