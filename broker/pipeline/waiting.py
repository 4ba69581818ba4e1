"""Partitions whose next record cannot be dealt with now, through no fault of its own.

A key file that others may read, a vault that is locked, a full disk, too little memory, a key
service that is away, and whatever nobody has thought of: the record stays where it is, its
partition waits and tries again, the others flow, and an operator is told.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from broker.metrics.registry import count_error
from broker.wire.partition import Target

log = structlog.get_logger()

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


@dataclass(slots=True)
class _Wait:
    seconds: float
    until: float
    code: str


class Waits:
    """The partitions of one role that wait, and until when.

    Args:
        role: For log and metrics.
        clock: Seconds, monotonic.
        first_seconds: The first wait of a partition; each further one is twice as long.
        longest_seconds: No wait is longer.
    """

    def __init__(
        self,
        role: str,
        clock: Callable[[], float] = time.monotonic,
        first_seconds: float = _FIRST_SECONDS,
        longest_seconds: float = _LONGEST_SECONDS,
    ) -> None:
        self._role = role
        self._clock = clock
        self._first = first_seconds
        self._longest = longest_seconds
        self._waits: dict[Target, _Wait] = {}

    def begin(self, partition: Target, offset: int, fault: Exception) -> None:
        """Let *partition* wait at *offset*; say so, by code and place."""
        code, before = type(fault).__name__, self._waits.get(partition)
        seconds = self._first if before is None else min(2 * before.seconds, self._longest)
        self._waits[partition] = _Wait(seconds, self._clock() + seconds, code)
        count_error(self._role, code)
        if before is None or before.code != code:
            log.error(
                "record.waits",
                role=self._role,
                topic=partition.topic,
                partition=partition.partition,
                offset=offset,
                code=code,
            )

    def passed(self, partition: Target) -> None:
        """Note that *partition* flows; say so where it waited."""
        if self._waits.pop(partition, None) is not None:
            place = {"topic": partition.topic, "partition": partition.partition}
            log.info("record.waits_no_more", role=self._role, **place)

    def over(self, partitions: Iterable[Target]) -> list[Target]:
        """Return those of *partitions* whose wait is over."""
        now = self._clock()
        return [
            each for each in partitions if each not in self._waits or self._waits[each].until <= now
        ]
