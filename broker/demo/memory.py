"""How much memory this process and its children take."""

import os
from pathlib import Path


def memory_mb() -> float:
    """Return the resident memory of this process and all its descendants, 10^6 bytes.

    Shared pages count once for each process, so this is no less than the truth. 0.0 where
    the system does not tell.
    """
    total, waiting = 0, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        folder = Path(f"/proc/{pid}")
        try:
            total += _resident_kb((folder / "status").read_text())
            # A child belongs to the thread that started it.
            for children in folder.glob("task/*/children"):
                waiting += map(int, children.read_text().split())
        except OSError:
            continue
    return total * 1024 / 1e6


def _resident_kb(status: str) -> int:
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
