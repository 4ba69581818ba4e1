"""Which feeds are set aside, and since when: what an alert's originator is told of them.

Route writes one entry when it sets a feed aside in a partition, and one when it resumes
(docs/decisions/0023). What it decided in between lies on `owed`: the feed does not have it.
"""

from uuid import UUID

from broker.audit.log import AuditEntry
from broker.gateway.database import Database
from broker.pipeline.holding import Holding
from broker.wire.partition import partition_of

#: Entries that say it. They are no alert's: the gateway's file keeps them under no id.
ASIDE, RESUMED = "FEED_SET_ASIDE", "FEED_RESUMED"
_NO_ALERT = b""


class FeedsAside:
    """What the audit log says of feeds that are set aside.

    Args:
        database: The gateway's file, in which entries are kept.
        partitions: Of each topic.
    """

    def __init__(self, database: Database, partitions: int) -> None:
        self._sql = database.connection
        self._partitions = partitions

    def waiting(self, alert_id: UUID, holding: Holding, decided: dict[int, int]) -> dict[str, str]:
        """Return the feeds that an alert was decided for and that do not have it yet.

        Args:
            alert_id: The alert.
            holding: What the ledger has of it.
            decided: When each of its revisions was decided, epoch milliseconds.

        Returns:
            Each feed with the reason.
        """
        partition = partition_of(str(alert_id).encode(), self._partitions)
        aside = self._in(partition)
        return {
            feed: aside[feed][1]
            for feed, share in holding.shares.items()
            if feed in aside
            and not share.recalled
            and decided.get(share.revision, 0) >= aside[feed][0]
        }

    def _in(self, partition: int) -> dict[str, tuple[int, str]]:
        query = "SELECT kind, feed, at, reason FROM entry WHERE alert_id=? AND revision=?"
        rows = self._sql.execute(query, (_NO_ALERT, partition)).fetchall()
        found: dict[str, tuple[int, str]] = {}
        # At one moment, aside comes last: who is told that something waits asks again.
        for kind, feed, at, reason in sorted(rows, key=lambda row: (row[2], row[0] == ASIDE)):
            if kind == ASIDE:
                found[feed] = (at, reason)
            else:
                found.pop(feed, None)
        return found


def row_of(entry: AuditEntry) -> tuple[object, ...] | None:
    """Return the row of an entry that says a feed is aside, or resumed; None of any other."""
    if entry.kind not in (ASIDE, RESUMED) or entry.source is None:
        return None
    at = int(entry.at.timestamp() * 1000)
    head = (entry.entry_id, _NO_ALERT, entry.kind, entry.source[1], at, entry.feed)
    return (*head, None, None, entry.reason, None)
