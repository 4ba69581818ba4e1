"""Write what takes a disclosure back: of a whole alert, or before less of it is released.

A recall of revision n takes back n and every revision before it. Who may no longer have the
alert gets one of the revision that says so. Who may have less of it than it holds gets one of
the revision that it holds, and then the new release (docs/decisions/0016).
"""

from collections.abc import Iterable, Mapping

from broker.model.decision import Plan
from broker.pipeline.accepted import Accepted
from broker.pipeline.known import Audience
from broker.pipeline.ledger import Held, Holder
from broker.pipeline.project import recall
from broker.pipeline.seal_release import ReleaseSealer
from broker.pipeline.unwritable import Owed
from broker.protect.recall_seal import RecallStatement
from broker.wire.outbox import Outbox

#: Readers that go by moments, as those of STIX do, must find the release behind the recall: a
#: version that takes back is a millisecond later than its recall (`broker.stix.frame`).
_BEFORE_MS = 2


class Recalls:
    """Writes the recalls of one partition.

    Args:
        owed: Where a recall to one feed goes.
        sealer: Has what signs recalls; None where protection is off.
    """

    def __init__(self, owed: Owed, sealer: ReleaseSealer | None) -> None:
        self._owed = owed
        self._sealer = sealer

    def write(
        self, outbox: Outbox, alert: Accepted, holders: Iterable[Holder], at: int
    ) -> dict[str, Holder]:
        """Take *alert* back from *holders*, at *at* (epoch ms); return what they hold then."""
        recalled = {}
        for holder in holders:
            self._write(outbox, alert, holder.feed, alert.revision, at)
            recalled[holder.feed] = holder._replace(revision=alert.revision, recalled=True)
        return recalled

    def narrow(
        self, outbox: Outbox, alert: Accepted, holders: Iterable[Holder], at: int
    ) -> list[str]:
        """Take back what *holders* hold, before they receive less of *alert*; return who they are.

        What is added to *outbox* afterwards comes behind these recalls.
        """
        narrowed = []
        for holder in holders:
            self._write(outbox, alert, holder.feed, holder.revision, at - _BEFORE_MS)
            narrowed.append(holder.feed)
        if narrowed:
            outbox.seal()  # releases go by another fanout, and must not overtake
        return narrowed

    def _write(self, outbox: Outbox, alert: Accepted, feed: str, revision: int, at: int) -> None:
        signer = self._sealer.recalls if self._sealer else None
        said = RecallStatement(feed, alert.alert_id, revision, at)
        self._owed.add(outbox, feed, alert.key, recall(said, signer).value)


def everybody(plan: Plan, alert: Accepted, originator: str) -> Held:
    """Return what the ledger would hold were *alert* with every feed: nobody knows with whom it is.

    A feed that never had it is told of a random id. One that has it, and is not told, may let
    somebody be looked for where nobody may look any more.
    """
    feeds = sorted(recipient.feed for group in plan.groups for recipient in group.recipients)
    holders = tuple(Holder(feed, alert.revision, 0, recalled=False) for feed in feeds)
    return Held(alert.revision, b"", originator, False, 0, holders)


def losing(
    holders: Mapping[str, Holder], audiences: Iterable[Audience], present: int
) -> list[Holder]:
    """Return who of *holders* receives the alert again, without a compartment that it holds.

    Whether policy took it away or the originator left it empty makes no difference: neither
    can be told from what is received.
    """
    return [
        holder
        for audience in audiences
        for feed in audience.feeds
        if (holder := holders.get(feed)) is not None
        and not holder.recalled
        and holder.profile & ~(audience.mask & present)
    ]
