"""This machine's clock beside the cluster's: what depends on time waits where they differ.

A clock a day ahead refuses good alerts as expired, one a day behind hands over what expired,
and either destroys, or keeps, keys that it should not. So a role confirms its clock before it
decides: it compares it with the brokers' (`broker.wire.clock_readings`) at its start, once a
minute, and whenever its own clock has jumped. Where they differ it says which clock is wrong,
as far as that can be told, and by how much; then it waits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog

from broker.clock import epoch_ms
from broker.errors import ClockWrong, KafkaUnavailable
from broker.metrics.clock import show_clock
from broker.wire.clock_readings import Reading, read_clocks
from broker.wire.connection import Connection
from broker.wire.topics import Topics

log = structlog.get_logger()

ReadClocks = Callable[[], Awaitable[Sequence[Reading]]]

#: The code of a fault that says no more than that nothing is known.
CLOCK_UNKNOWN = "CLOCK_UNKNOWN"
_READ_EVERY_MS = 60_000
#: So long one reading bears the clock out while Kafka is away and the clock does not jump.
_BORNE_OUT_MS = 3_600_000
#: Our clock has jumped if it moved so much more, or less, than time has passed.
_JUMP_MS = 1_000


class Finding(NamedTuple):
    """What comparing clocks has shown.

    Attributes:
        text: What is wrong, with a code; None where all is well.
        waits: Our own clock may be the one that is wrong.
    """

    text: str | None
    waits: bool


def judge(readings: Sequence[Reading], tolerance_ms: int) -> Finding:
    """Return what *readings* say of our clock and of the brokers'.

    The larger number of clocks that agree is taken for right, ours among them. One broker and
    we cannot tell which of the two is wrong.
    """
    apart = [each for each in readings if abs(each.beyond) > tolerance_ms]
    if not apart:
        return Finding(None, waits=False)
    if len(readings) - len(apart) + 1 > len(apart):
        told = "; ".join(f"broker {e.broker}'s is {_way(e.beyond, 'ours')}" for e in apart)
        return Finding(f"BROKER_CLOCK_WRONG: {told}", waits=False)
    names = ", ".join(str(each.broker) for each in apart)
    if len(apart) == 1:
        way = _way(-apart[0].beyond, f"broker {names}'s")
        return Finding(f"CLOCKS_DIFFER: this machine's clock is {way}: one is wrong", waits=True)
    way = _way(-apart[0].beyond, f"those of brokers {names}")
    return Finding(f"CLOCK_WRONG: this machine's clock is {way}", waits=True)


class ClusterClock:
    """Confirms this machine's clock by the cluster's.

    Args:
        connection: As the role connects; it may write to the clock topic.
        topics: The topics.
        tolerance_seconds: By how much clocks may differ.
        clock: This machine's clock, epoch milliseconds.
        read: Reads the brokers' clocks, in place of asking them.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        tolerance_seconds: int,
        clock: Callable[[], int] = epoch_ms,
        read: ReadClocks | None = None,
    ) -> None:
        self._clock = clock
        self._read = read or (lambda: read_clocks(connection, topics.clock, clock))
        self._tolerance = tolerance_seconds * 1000
        self._finding: Finding | None = None
        self._read_at = 0.0
        self._began = 0
        self._reading: asyncio.Task[None] | None = None

    async def confirm(self) -> None:
        """Return once our clock is known to agree with the cluster's.

        Raises:
            ClockWrong: They differ. Decide nothing; ask again later.
            KafkaUnavailable: The cluster's time cannot be had.
        """
        age = self._age_ms()
        if age is None or age > _BORNE_OUT_MS or self._waits():
            await self._look()
        elif age > _READ_EVERY_MS and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._look_quietly())
        if (fault := self.fault()) is not None:
            raise fault

    def fault(self) -> ClockWrong | None:
        """Return why nothing may be decided now, as far as is known without asking."""
        age = self._age_ms()
        if self._finding is None or age is None or age > _BORNE_OUT_MS:
            return ClockWrong(f"{CLOCK_UNKNOWN}: the cluster's time is not known yet")
        return ClockWrong(self._finding.text or "") if self._finding.waits else None

    async def follow(self) -> None:
        """Keep what `fault` says true, until cancelled."""
        while True:
            with suppress(ClockWrong, KafkaUnavailable):
                await self.confirm()
            await asyncio.sleep(_READ_EVERY_MS / 12_000)

    def _waits(self) -> bool:
        return self._finding is not None and self._finding.waits

    def _age_ms(self) -> int | None:
        """Return how old the last reading is; None without one, or since our clock has jumped."""
        if self._finding is None:
            return None
        passed = round((time.monotonic() - self._read_at) * 1000)
        jumped = abs(self._clock() - self._began - passed) > _JUMP_MS
        return None if jumped else passed

    async def _look_quietly(self) -> None:
        with suppress(KafkaUnavailable):  # the last reading bears the clock out for a while
            await self._look()

    async def _look(self) -> None:
        readings = await self._read()
        self._read_at, self._began = time.monotonic(), self._clock()
        show_clock({str(each.broker): -each.beyond / 1000 for each in readings})
        self._note(judge(readings, self._tolerance))

    def _note(self, finding: Finding) -> None:
        before = self._finding.text if self._finding else None
        self._finding = finding
        if finding.text is not None and _code(finding.text) != _code(before):
            log.error("clock.wrong", advice=finding.text, waits=finding.waits)
        elif finding.text is None and before is not None:
            log.info("clock.agrees")


def _code(text: str | None) -> str | None:
    return text.partition(":")[0] if text else None


def _way(milliseconds: int, other: str) -> str:
    return f"{_span(abs(milliseconds))} {'ahead of' if milliseconds > 0 else 'behind'} {other}"


def _span(milliseconds: int) -> str:
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
