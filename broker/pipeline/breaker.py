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
    """

    first_seconds: float = 0.5
    longest_seconds: float = 300.0
    failures_to_open: int = 5
    open_seconds: float = 60.0


#: How a feed waits unless its operator says otherwise.
DEFAULT_PATIENCE = Patience()


class Breaker:
    """The state of one recipient.

    Attributes:
        failures: Failures in a row.
    """

    def __init__(self, patience: Patience, random: Callable[[], float] = any_random) -> None:
        self._patience = patience
        self._random = random
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """Whether the recipient is being left alone."""
        return self.failures >= self._patience.failures_to_open

    def succeeded(self) -> None:
        """Close it: the recipient took something, or refused it in person."""
        self.failures = 0

    def failed(self, asked_seconds: float | None = None) -> float:
        """Note a failure; return how many seconds to wait before the next attempt.

        Args:
            asked_seconds: How long the recipient asked to wait.
        """
        self.failures += 1
        wait = min(
            self._patience.first_seconds * float(1 << min(self.failures - 1, 30)),
            self._patience.longest_seconds,
        )
        if self.is_open:
            wait = max(wait, self._patience.open_seconds)
        # Half to all of it, so that many feeds of one partner do not come back at once.
        wait *= 0.5 + self._random() / 2
        return max(wait, asked_seconds or 0.0)


class RefusalGauge:
    """Tells a wave of refusals, which is the feed's fault, from one refused release.

    Args:
        window: Outcomes looked at.
        limit: Refusals among them that make a wave.
    """

    def __init__(self, window: int = 20, limit: int = 10) -> None:
        self._window = window
        self._limit = limit
        self._outcomes: list[bool] = []

    def note(self, *, refused: bool) -> bool:
        """Note an outcome; return whether there is a wave."""
        self._outcomes = [*self._outcomes[1 - self._window :], refused]
        return sum(self._outcomes) >= self._limit
