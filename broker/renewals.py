"""While `lali up` runs, its own development keys are renewed before they end."""

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from broker.hourly import Hourly
from broker.protect.key_folder import KeyFolder
from broker.protect.renewal import renew_development

log = structlog.get_logger()


class KeyRenewal(Hourly):
    """Renews the keys of a folder whose officers are of this machine's own making.

    Args:
        folder: The key folder.
        now: Says what time it is.
    """

    def __init__(
        self, folder: KeyFolder, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__()
        self._folder = folder
        self._now = now

    def look(self) -> None:
        """Renew what ends within a month, and say so."""
        if made := renew_development(self._folder, self._now()):
            log.info("keys.renewed", count=len(made))
