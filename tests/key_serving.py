"""The key service, in a thread of the test or as a process of its own."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from broker.protect.keeper import Keeper
from broker.protect.keeper_service import KeyService

ABSENT = "0123456789abcdef"


@contextmanager
def service(path: Path, keeper: Keeper, *users: int):
    """Serve *keeper* in a thread of this process, with the service's own code."""
    with KeyService(path, keeper, frozenset(users)) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@contextmanager
def running_service(folder: Path, path: Path):
    """Run `lali keys serve` as a process."""
    command = [sys.executable, "-m", "broker", "keys", "serve", "--socket", str(path)]
    run = subprocess.Popen(
        command, env=os.environ | {"LALI_KEYS": str(folder)}, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    try:
        assert "keys.served" in run.stderr.readline()
        yield run
    finally:
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0
        run.stderr.close()
