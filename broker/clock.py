"""The present moment, in the one unit that records carry."""

import time


def epoch_ms() -> int:
    """Return the present moment, milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000
