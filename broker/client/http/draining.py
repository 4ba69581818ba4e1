"""The journal of a publisher at work: kept in a thread of its own, emptied in the background."""

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import structlog

from broker.client.http.batches import Batch, Outcome
from broker.client.http.retrying import Patience
from broker.client.http.sending import Sending
from broker.client.journal import Journal, JournalFull
from broker.client.journal_entry import Entry, Waiting
from broker.client.payload import Payload
from broker.client.publisher import Published
from broker.errors import GatewayRefused, GatewayUnavailable, KafkaUnavailable, Rejected

T = TypeVar("T")
log = structlog.get_logger()

#: Between attempts in the background, seconds; doubled up to the longest.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_ONE_TRY = Patience(seconds=0, attempts=1)


class Draining:
    """Keeps alerts of one unit while the gateway is away, and sends them when it is not.

    Args:
        journal: Where they are kept; opened and closed here.
        sending: What sends.
        originator: The unit.
        batch: Makes an empty batch.
    """

    def __init__(
        self, journal: Journal, sending: Sending, originator: str, batch: Callable[[], Batch]
    ) -> None:
        self._journal = journal
        self._sending = sending
        self._originator = originator
        self._batch = batch
        # One thread: what is written is written in the order in which it came.
        self._thread = ThreadPoolExecutor(1, "lali-journal")
        self._coming = 0
        self._woken = asyncio.Event()
        self._one_drains = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the journal, and begin to send what waits in it.

        Raises:
            SettingsInvalid: It cannot be used.
        """
        try:
            await self._run(self._journal.__enter__)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        self._woken.set()
        self._running = asyncio.create_task(self._drain_on())

    async def stop(self) -> None:
        """Stop sending, and close the journal; what waits in it waits for the next publisher."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        await self._run(partial(self._journal.__exit__, None, None, None))
        self._thread.shutdown()

    @property
    def is_empty(self) -> bool:
        """Whether nothing of our unit waits, nor is about to."""
        return not self._coming and not self._journal.count_of(self._originator)

    async def keep(self, payload: Payload) -> Outcome:
        """Keep an alert; return once it is safe on the disk, or that there is no room."""
        self._coming += 1
        try:
            entry = Entry(self._originator, payload)
            await asyncio.shield(self._run(partial(self._journal.append, entry)))
        except JournalFull:
            return GatewayUnavailable("JOURNAL_FULL")
        finally:
            self._coming -= 1
        self._woken.set()
        return Published(payload.alert_id, payload.revision, state="journaled")

    async def drain(self) -> int:
        """Send what waits, as far as the gateway takes it; return how many wait still.

        Raises:
            KafkaUnavailable: It did not take all; what it did not take waits still.
        """
        async with self._one_drains:
            while waiting := await self._run(self._next):
                await self._settle(waiting)
        return self._journal.count_of(self._originator)

    def _next(self) -> list[Waiting]:
        batch, found = self._batch(), []
        for each in self._journal.waiting(self._originator, batch.most):
            if not batch.takes(each.entry.payload):
                break
            batch.add(each.entry.payload)
            found.append(each)
        return found

    async def _settle(self, waiting: Sequence[Waiting]) -> None:
        payloads = [each.entry.payload for each in waiting]
        outcomes = await self._sending.send(payloads, _ONE_TRY)
        pairs = list(zip(waiting, outcomes, strict=True))
        # Noted whole, whoever stops us meanwhile.
        await asyncio.shield(self._run(partial(self._note, pairs)))
        for outcome in outcomes:
            if isinstance(outcome, KafkaUnavailable):
                raise outcome

    def _note(self, pairs: Sequence[tuple[Waiting, Outcome]]) -> None:
        for each, outcome in pairs:
            if isinstance(outcome, Rejected):
                code = outcome.reason.value
                log.warning("journal.set_aside", reason=code, path=outcome.path)
                self._journal.refuse(each.number, code, outcome.path)
        self._journal.sent(each.number for each, out in pairs if isinstance(out, Published))

    async def _drain_on(self) -> None:
        wait = _FIRST_WAIT
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.drain()
                wait = _FIRST_WAIT
            except Exception as error:  # noqa: BLE001 - whatever it is, what waits must be sent
                await asyncio.sleep(self._pause(error, wait))
                wait = min(2 * wait, _LONGEST_WAIT)
                self._woken.set()

    def _pause(self, error: Exception, wait: float) -> float:
        asked = 0.0
        if isinstance(error, GatewayUnavailable):
            asked = error.retry_after_seconds or 0.0
        if isinstance(error, GatewayRefused):  # it may let us in once somebody has looked
            log.error("journal.waits", code=error.code)
            wait = _LONGEST_WAIT
        elif not isinstance(error, GatewayUnavailable):
            log.error("journal.waits", code=type(error).__name__)
        return max(wait, asked) * (1 + random.random() / 4)  # noqa: S311

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
