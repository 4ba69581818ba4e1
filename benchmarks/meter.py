"""CPU time and memory of this process: the units every figure here is counted in.

Wall time on two shared cores measures the broker and the neighbours too, so cost is CPU
microseconds of the process under measurement per alert.
"""

import resource
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What a number of alerts cost.

    Attributes:
        alerts: How many.
        cpu_seconds: User and system time of this process and its threads.
        wall_seconds: Elapsed time.
        peak_mb: Largest resident size of this process so far, in 10^6 bytes.
    """

    alerts: int
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float

    @property
    def cpu_us_per_alert(self) -> float:
        """CPU microseconds per alert."""
        return self.cpu_seconds / self.alerts * 1e6

    @property
    def alerts_per_second_per_core(self) -> float:
        """Alerts one core can do in a second of its own time."""
        return self.alerts / self.cpu_seconds

    def figures(self) -> dict[str, float]:
        """Return the figures as they are printed."""
        return {
            "alerts": self.alerts,
            "cpu_us_per_alert": round(self.cpu_us_per_alert, 1),
            "alerts_per_second_per_core": round(self.alerts_per_second_per_core),
            "wall_seconds": round(self.wall_seconds, 2),
            "peak_mb": round(self.peak_mb, 1),
        }


class Meter:
    """Measures from its making, or from the last `restart`."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what was spent so far."""
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def read(self, alerts: int) -> Cost:
        """Return the cost of *alerts* alerts since the start."""
        return Cost(
            alerts=alerts,
            cpu_seconds=time.process_time() - self._cpu,
            wall_seconds=time.perf_counter() - self._wall,
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        )
