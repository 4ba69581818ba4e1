"""The log of users whom the key service turned away: nobody can fill the disk with it."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog

log = structlog.get_logger()

_TOLD_SECONDS = 60.0


class StrangerLog:
    """Tells of users that were turned away: each at once, then once a minute with the count.

    Args:
        clock: Seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[int, float] = {}
        self._untold = Counter[int]()
        self._turn = threading.Lock()

    def note(self, user: int) -> None:
        """Count one attempt of *user*, and tell of it when it is time."""
        with self._turn:
            self._untold[user] += 1
            now = self._clock()
            if now - self._told.get(user, -math.inf) < _TOLD_SECONDS:
                return
            self._told[user] = now
            count = self._untold.pop(user)
        log.warning("keys.stranger_refused", uid=user, count=count)
