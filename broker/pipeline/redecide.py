"""Decide again, just before handing over: the ledger first, then the bundle of today.

A feed that was away for days never receives what has since expired, been withdrawn,
superseded or forbidden. What this answers can only be less than what was released.
"""

from dataclasses import dataclass

from broker.model.decision import Verdict
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.pipeline.holdings import Holding, Share
from broker.pipeline.project import narrow
from broker.policy.decide import Decider
from broker.policy.facts import Facts


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

    It is where the feed's share was recalled at that revision or later, and where the share is
    of a later one: what it takes back is superseded anyhow.
    """
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
    share = holding.shares.get(feed)
    if share is None or share.revision < release.revision:
        return Stay(Reason.LEDGER_DISAGREES)
    if share.recalled or holding.cancelled:
        return Stay(Reason.RECALLED)
    if share.revision > release.revision:
        return Stay(Reason.SUPERSEDED)  # the newer revision follows in the same feed
    view = holding.view()
    embargo = view["embargo_until"]
    embargoed = embargo is not None and embargo.timestamp() * 1000 > now
    facts = Facts(expired=holding.expires_at <= now, embargoed=embargoed)
    outcome = decider.decide(feed, view, facts).outcome
    if outcome.verdict is not Verdict.RELEASE:
        return Stay(outcome.reason or Reason.NO_RULE_PERMITS)
    return Handover(narrow(release, outcome.compartments))
