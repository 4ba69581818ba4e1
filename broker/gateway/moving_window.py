"""Count events by name in a moving window: exact, in bounded memory, at the same cost for any name.

`limits` reads the rates; its own store in memory looks through every name at each event.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable


class MovingWindow:
    """At most *amount* events of one name in any *seconds*.

    Args:
        amount: Events.
        seconds: Length of the window.
        most: Names remembered; beyond it the one that was quiet for longest is forgotten.
        clock: Seconds that only rise.
    """

    def __init__(
        self, amount: int, seconds: float, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._amount = amount
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._events: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._events)

    def hit(self, name: str) -> float | None:
        """Count an event of *name*; return None, or the seconds to wait if it is one too many."""
        events = self._of(name)
        wait = self._wait(events)
        if wait is None:
            events.append(self._clock())
        return wait

    def wait(self, name: str) -> float | None:
        """Return what `hit` would, and count nothing."""
        return self._wait(self._events.get(name, deque()))

    def _wait(self, events: deque[float]) -> float | None:
        now = self._clock()
        if len(events) == self._amount and events[0] > now - self._seconds:
            return events[0] + self._seconds - now
        return None

    def _of(self, name: str) -> deque[float]:
        found = self._events.get(name)
        if found is None:
            if len(self._events) >= self._most:
                self._events.popitem(last=False)
            # The oldest falls out by itself: only the last *amount* can matter.
            found = self._events[name] = deque(maxlen=self._amount)
        self._events.move_to_end(name)
        return found
