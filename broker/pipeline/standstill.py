"""Tell when something waits and nothing moves: a feed, a lane or an intake that stands still.

Asked of Kafka, and not of who reads: so it is seen too where nobody was assigned the partition,
where the group has no coordinator, and where the reader itself knows of no fault.
"""

import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from broker.metrics.standstill import show_standing
from broker.wire.partition import Target

log = structlog.get_logger()

_PATIENCE_SECONDS = 60.0
#: Stands for the position of a group that cannot be asked for one.
_UNKNOWN = -1


class Standstill:
    """Knows since when each partition of one role has not moved.

    Args:
        role: The role that reads them.
        patience_seconds: After so long without a move it is told.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        role: str,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._role = role
        self._patience = patience_seconds
        self._clock = clock
        self._since: dict[Target, tuple[int, float]] = {}
        self._told: set[Target] = set()

    def see(self, waiting: Mapping[Target, int], silent: Iterable[Target] = ()) -> None:
        """Take in what waits now.

        Args:
            waiting: Of each partition in which something waits, where its group stands.
            silent: Partitions whose group has no coordinator that answers.
        """
        found = {**waiting, **dict.fromkeys(silent, _UNKNOWN)}
        now = self._clock()
        self._since = {each: self._known(each, at, now) for each, at in found.items()}
        standing = {
            each for each, (_, since) in self._since.items() if now - since >= self._patience
        }
        for each in sorted(standing - self._told):
            code = "GROUP_UNAVAILABLE" if found[each] == _UNKNOWN else "NO_PROGRESS"
            self._say(log.error, "role.stands_still", each, offset=found[each], code=code)
        for each in sorted(self._told - standing):
            self._say(log.info, "role.moves_again", each)
        self._told = standing
        show_standing(self._role, len(standing))

    def _known(self, partition: Target, at: int, now: float) -> tuple[int, float]:
        before = self._since.get(partition)
        return before if before is not None and before[0] == at else (at, now)

    def _say(
        self, say: Callable[..., None], event: str, partition: Target, **more: int | str
    ) -> None:
        topic, number = partition
        say(event, role=self._role, topic=topic, partition=number, **more)
