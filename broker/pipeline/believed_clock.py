"""Whether a lane may forget by the clock: not within a day of its jumping far ahead.

A wrong clock may be that of the whole site, and then nothing contradicts it
(`broker.protect.seen_clock`). What the ledger forgets, no recall reaches any more. So a lane
compares the clock with when its ledger was last written, and with how much time has passed
since; after a jump it forgets nothing before a day has gone by.
"""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

_JUMP_MS = 48 * 3_600_000
_HELD_SECONDS = 24 * 3600.0


class BelievedClock:
    """The clock of one lane.

    Args:
        monotonic: Seconds that pass, whatever the clock says.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: tuple[int, float] | None = None
        self._held_until = monotonic()

    def was(self, moment: int) -> None:
        """Note that the ledger was written at *moment*, epoch milliseconds."""
        if self._seen is None or moment > self._seen[0]:
            self._seen = moment, self._monotonic()

    def may_forget(self, now: int) -> bool:
        """Whether anything may be forgotten by a clock that says *now*, epoch milliseconds."""
        passed = self._monotonic()
        if self._seen is not None:
            at, then = self._seen
            if now - at - (passed - then) * 1000 > _JUMP_MS:
                self._held_until = passed + _HELD_SECONDS
                log.error("clock.jumped", hours=(now - at) // 3_600_000)
        self._seen = now, passed
        return passed >= self._held_until
