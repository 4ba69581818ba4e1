"""Whose an alert is: asked before anything of it is told, here and nowhere else.

Whoever publishes under an id that another unit used first is told of its own publication, and
the same whatever became of the other's alert: it never learns that, nor that there is one.
"""

from uuid import UUID

from broker.errors import Rejected
from broker.gateway.database import Database
from broker.pipeline.holding import Holding
from broker.pipeline.holdings import Holdings


class Ownership:
    """Says which unit an alert belongs to: the first whose publication was decided.

    Args:
        database: The gateway's file, with what the audit log said.
        holdings: The ledger, followed.
    """

    def __init__(self, database: Database, holdings: Holdings) -> None:
        self._sql = database.connection
        self._holdings = holdings

    def holding(self, alert_id: UUID, unit: str) -> Holding | None:
        """Return the ledger's entry of an alert that belongs to *unit*; None for all else."""
        holding = self._holdings.peek(alert_id)
        return holding if holding is not None and _owner(holding) == unit else None

    def owns(self, alert_id: UUID, unit: str) -> bool:
        """Whether what others did with an alert may be counted for *unit*.

        What the ledger has forgotten, or has not told yet, belongs to the unit that alone had it
        decided, as the audit log says.
        """
        query = "SELECT DISTINCT originator FROM entry WHERE alert_id=? AND kind='DECIDED'"
        decided = [row[0] for row in self._sql.execute(query, (alert_id.bytes,))]
        holding = self._holdings.peek(alert_id)
        return _owner(holding) == unit if holding is not None else decided == [unit]


def _owner(holding: Holding) -> object:
    try:
        return holding.view()["originator"]
    except Rejected:
        return None  # it cannot be read, so it is nobody's who asks
