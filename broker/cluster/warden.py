"""Run a command, and end it when this process's parent goes, however it goes.

``python -m broker.cluster.warden COMMAND…`` keeps the read end of a pipe as standard input.
The parent holds the other end; when the parent ends, even by SIGKILL, the pipe closes and
the command is ended. So no Kafka outlives who started it.
"""

import os
import signal
import subprocess
import sys
import threading

_GRACE_SECONDS = 10


def main(command: list[str]) -> int:
    """Run *command* until it ends or standard input closes; return its exit code."""
    # The signals that end the parent reach the whole terminal group: let the parent decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    return child.wait()


def _end_with_parent(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 1024):
        continue
    # A paused process takes no SIGTERM until it goes on.
    child.send_signal(signal.SIGCONT)
    child.terminate()
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
