"""Another process of a site, with other settings."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

_STOP_SECONDS = 60


class Beside:
    """Runs `lali run` in the folder of a site.

    Args:
        folder: Of the site.
        environment: The settings.
        role: Which one.
    """

    def __init__(self, folder: Path, environment: dict[str, str], role: str):
        self._log = folder / f"beside-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "broker", "run", role],
                cwd=folder, env=environment, stdout=log, stderr=log,
            )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        if self.ended_within(_STOP_SECONDS) is None:
            self._process.kill()
            self._process.wait()

    def said(self):
        """Return what it wrote."""
        return self._log.read_text(errors="replace")

    def ended_within(self, seconds):
        """Return its exit code; None where it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None
