"""The present moment, in the one unit that records carry."""

import time


def epoch_ms() -> int:
    """Return the present moment, milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000


def steady_seconds() -> float:
    """Return seconds that never go back, and go on while this process or machine is paused.

    For ages, not for dates. CLOCK_MONOTONIC stands still while a machine is suspended;
    CLOCK_BOOTTIME, where there is one (Linux), does not.
    """
    return time.clock_gettime(_STEADY)


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
