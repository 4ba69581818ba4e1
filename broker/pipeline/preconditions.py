"""What must hold before anything is decided: the clock is right, and the bundle is in force.

A role asks before each batch, and waits while one of them does not hold: an approval ends
with the next one, for a role that runs, too.
"""

from collections.abc import Awaitable, Callable

import structlog

from broker.errors import BundleEnded, ClockWrong, NotNow, SettingsInvalid
from broker.wire.cluster_clock import ClusterClock

log = structlog.get_logger()

#: Returns once everything holds; raises NotNow or KafkaUnavailable otherwise.
Confirm = Callable[[], Awaitable[None]]


async def unchecked() -> None:
    """Confirm nothing: for tests, and for tools that decide nothing."""


class Preconditions:
    """What must hold before a role decides anything.

    Args:
        clock: Compares this machine's clock with the cluster's.
        require_bundle: Raises SettingsInvalid where the role's bundle is not in force; None
            where protection is off, and nobody approves bundles.
    """

    def __init__(
        self, clock: ClusterClock, require_bundle: Callable[[], None] | None = None
    ) -> None:
        self._clock = clock
        self._require_bundle = require_bundle
        self._said = False

    async def confirm(self) -> None:
        """Return once everything holds.

        Raises:
            NotNow: Something does not. Decide nothing; ask again later.
            KafkaUnavailable: The cluster's time cannot be had.
        """
        if (ended := self._bundle_fault()) is not None:
            raise ended
        await self._clock.confirm()

    def fault(self) -> NotNow | None:
        """Return what does not hold, as far as is known without asking."""
        return self._bundle_fault() or self.clock_fault()

    def clock_fault(self) -> ClockWrong | None:
        """Return the same, of the clock alone."""
        return self._clock.fault()

    async def follow(self) -> None:
        """Keep what `fault` says true, until cancelled."""
        await self._clock.follow()

    def _bundle_fault(self) -> BundleEnded | None:
        if self._require_bundle is None:
            return None
        try:
            self._require_bundle()
        except SettingsInvalid as invalid:
            if not self._said:
                log.error("bundle.not_in_force", advice=str(invalid))  # noqa: TRY400
            self._said = True
            return BundleEnded(f"BUNDLE_NOT_IN_FORCE: {invalid}")
        self._said = False
        return None
