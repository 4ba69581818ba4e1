"""Roles as processes of their own, which can be killed and paused while they work."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from broker.cluster.node import children_of

_STARTED_SECONDS = 30
_STOP_SECONDS = 40


class RoleProcess:
    """One ``lali run ROLE``; it ends with whoever started it.

    Args:
        role: accept, route or deliver.
        settings: Environment variables beside this process's own.
        log: Where its log goes, one JSON object a line.
    """

    def __init__(self, role: str, settings: Mapping[str, str], log: Path) -> None:
        self.role = role
        self._log = log
        command = [sys.executable, "-m", "broker", "run", role]
        environment = {**os.environ, **settings, "LALI_LOG_FORM": "json"}
        with log.open("ab") as out:
            self._warden = subprocess.Popen(  # noqa: S603 - a command of our own making
                [sys.executable, "-m", "broker.cluster.warden", *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process that holds it, and whose child it is."""
        return self._warden.pid

    def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._warden.wait(_STOP_SECONDS)
        if self._warden.stdin is not None:
            self._warden.stdin.close()

    def pause(self) -> None:
        """Freeze it, as a machine that stalls would."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._warden.stdin is not None:
            self._warden.stdin.close()
        self._warden.wait(_STOP_SECONDS)

    def running(self) -> bool:
        """Whether it is there."""
        return self._warden.poll() is None

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the log events called *name* so far; all of them without a name."""
        return [event for event in self._events() if name in (None, event.get("event"))]

    def _events(self) -> Iterator[dict[str, Any]]:
        for line in self._log.read_text(errors="replace").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # half a line, or not a log line

    def _signal(self, number: signal.Signals) -> None:
        deadline = time.monotonic() + _STARTED_SECONDS
        while self.running() and time.monotonic() < deadline:
            if found := children_of(self._warden.pid):
                os.kill(found[0], number)
                return
            time.sleep(0.005)  # the warden has not started it yet
        raise RuntimeError(f"{self.role} is not running: see {self._log}")


class Crew:
    """The processes of a trial, one working in each role.

    Args:
        settings: Environment variables for all of them.
        folder: Where their logs go.

    Attributes:
        kills: How many were killed, by role.
    """

    def __init__(self, settings: Mapping[str, str], folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._started: list[RoleProcess] = []
        self._working: dict[str, RoleProcess] = {}
        self.kills: dict[str, int] = {}

    def __getitem__(self, role: str) -> RoleProcess:
        return self._working[role]

    def start(self, role: str, more: Mapping[str, str] | None = None) -> RoleProcess:
        """Start a process in *role*, whose place it takes; an earlier one is left as it is.

        Args:
            role: accept, route, deliver or gateway.
            more: Environment variables for it alone.
        """
        log = self._folder / f"{len(self._started):03}-{role}.log"
        process = RoleProcess(role, {**self._settings, **(more or {})}, log)
        self._started.append(process)
        self._working[role] = process
        return process

    def replace(self, role: str) -> None:
        """Kill who works in *role* and start a successor at once."""
        self._working[role].kill()
        self.kills[role] = self.kills.get(role, 0) + 1
        self.start(role)

    def stop(self) -> None:
        """Stop all that still run."""
        for process in self._started:
            if process.running():
                process.stop()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log events called *name* of all processes."""
        return [event for process in self._started for event in process.events(name)]
