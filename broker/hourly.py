"""What a process looks at hourly beside its work, until it is stopped."""

import asyncio

import structlog

log = structlog.get_logger()


class Hourly:
    """Looks, and looks again: whatever a look comes to, it ends neither this nor the process.

    Attributes:
        every_seconds: Between two looks.
    """

    every_seconds = 3600.0

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def look(self) -> None:
        """Look once, in a thread of its own."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Look until stopped."""
        while not self._stopping.is_set():
            await asyncio.to_thread(self.look_safely)
            try:
                async with asyncio.timeout(self.every_seconds):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def look_safely(self) -> None:
        """Look once; what nobody foresaw is told, and tried again in an hour."""
        try:
            self.look()
        except Exception as fault:  # noqa: BLE001 - no role may end by what only looks beside it
            name = type(self).__name__
            log.error("look.failed", what=name, code=type(fault).__name__)  # noqa: TRY400
