"""When to try a recipient again: back-off with jitter, and a circuit breaker.

After a number of failures in a row the breaker opens: the recipient is left alone for a
while, then one attempt goes through, and its outcome closes the breaker or opens it again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import random as any_random


@dataclass(frozen=True, slots=True)
class Patience:
    """How a feed waits.

    Attributes:
        first_seconds: Wait after the first failure.
        longest_seconds: No wait is longer.
        failures_to_open: Failures in a row that open the breaker.
        open_seconds: How long an open breaker leaves the recipient alone.
        aside_after_seconds: A release that fails for so long while others are taken goes aside.
        aside_at_last_seconds: So does one that fails for so long while nothing is taken; it is
            tried again by itself once something is.
    """

    first_seconds: float = 0.5
    longest_seconds: float = 300.0
    failures_to_open: int = 5
    open_seconds: float = 60.0
    aside_after_seconds: float = 3600.0
    aside_at_last_seconds: float = 2 * 86_400.0


#: How a feed waits unless its operator says otherwise.
DEFAULT_PATIENCE = Patience()


class Breaker:
    """The state of one recipient.

    Attributes:
        failures: Failures in a row.
        was_asked: The recipient itself said how long to wait.
    """

    def __init__(self, patience: Patience, random: Callable[[], float] = any_random) -> None:
        self._patience = patience
        self._random = random
        self.failures = 0
        self.was_asked = False

    @property
    def is_open(self) -> bool:
        """Whether the recipient is being left alone."""
        return self.failures >= self._patience.failures_to_open

    def succeeded(self) -> None:
        """Close it: the recipient took something."""
        self.failures = 0
        self.was_asked = False

    def failed(self, asked_seconds: float | None = None) -> float:
        """Note a failure; return how many seconds to wait before the next attempt.

        Args:
            asked_seconds: How long the recipient asked to wait.
        """
        self.failures += 1
        self.was_asked = asked_seconds is not None
        wait = min(
            self._patience.first_seconds * float(1 << min(self.failures - 1, 30)),
            self._patience.longest_seconds,
        )
        if self.is_open:
            wait = max(wait, self._patience.open_seconds)
        # Half to all of it, so that many feeds of one partner do not come back at once.
        wait *= 0.5 + self._random() / 2
        return max(wait, asked_seconds or 0.0)
