"""While `lali up` runs, its own development keys are renewed before they end."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from broker.errors import SettingsInvalid
from broker.protect.key_folder import KeyFolder
from broker.protect.renewal import renew_development

log = structlog.get_logger()

_EVERY_SECONDS = 3600.0


class KeyRenewal:
    """Renews the keys of a folder whose officers are of this machine's own making.

    Args:
        folder: The key folder.
        now: Says what time it is.
    """

    def __init__(
        self, folder: KeyFolder, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._folder = folder
        self._now = now
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Look hourly until stopped."""
        while not self._stopping.is_set():
            await asyncio.to_thread(self.look)
            try:
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def look(self) -> None:
        """Renew what ends within a month, and say so."""
        try:
            made = renew_development(self._folder, self._now())
        except (SettingsInvalid, OSError) as fault:
            log.error("keys.not_renewed", code=type(fault).__name__)  # noqa: TRY400
            return
        if made:
            log.info("keys.renewed", keys=len(made))
