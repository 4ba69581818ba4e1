"""A role starts anew after every fault: it waits longer each time, and stops waiting when asked.

A cluster that is away, or still starting, is said once and not with every attempt.
"""

import asyncio

import structlog

from broker.metrics.registry import count_error
from broker.wire.connection import is_away
from broker.wire.producer import TransactionFailed

log = structlog.get_logger()

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


class Restarts:
    """The waits of one role between its runs.

    Args:
        role: Its name, for the log.
        stopping: Set when the role is to end; no wait outlasts it.
        first_seconds: The first wait.
        longest_seconds: No wait is longer.
        part: Which of the role's loops it is, for the log.
    """

    def __init__(
        self,
        role: str,
        stopping: asyncio.Event,
        first_seconds: float = _FIRST_SECONDS,
        longest_seconds: float = _LONGEST_SECONDS,
        part: str | None = None,
    ) -> None:
        self._role = role
        self._named = {"part": part} if part else {}
        self._stopping = stopping
        self._first = first_seconds
        self._longest = longest_seconds
        self._next = first_seconds
        self._away = False

    def reached(self) -> None:
        """Note that the cluster answers."""
        if self._away:
            log.info("kafka.reached", role=self._role, **self._named)
        self._away = False

    async def wait(self, fault: Exception, *, worked: bool) -> None:
        """Say what happened, and wait.

        Args:
            fault: What ended the run.
            worked: Something was done in that run: the waits begin anew.
        """
        self._say(fault)
        seconds = self._first if worked else self._next
        self._next = min(seconds * 2, self._longest)
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _say(self, fault: Exception) -> None:
        # A code, and not log.exception: a traceback may hold values.
        code = str(fault) if isinstance(fault, TransactionFailed) else type(fault).__name__
        count_error(self._role, code)
        if is_away(fault):
            if not self._away:
                log.warning("kafka.awaited", role=self._role, code=code, **self._named)
            self._away = True
            return
        say = log.warning if isinstance(fault, TransactionFailed | OSError) else log.error
        say(f"{self._role}.restarted", code=code, **self._named)
