"""Write the releases of one alert to the feeds that receive them: plain, sealed, end to end."""

from collections.abc import Callable
from typing import Protocol

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.model.release import Release
from broker.pipeline.accepted import Accepted
from broker.pipeline.known import Audience, Known
from broker.pipeline.project import Projector
from broker.pipeline.seal_release import ReleaseSealer, SealedAlert
from broker.protect.release_seal import new_release_key
from broker.wire.outbox import Fanout, Outbox

FanoutOf = Callable[[str], Fanout]

#: Markings that the hub itself cannot open.
_END_TO_END = frozenset({"RED", "UNKNOWN"})


class Releases(Protocol):
    """Writes the releases of one alert, one audience after the other."""

    #: What seals for the feeds' own keys; None where none of them is needed.
    sealer: ReleaseSealer | None

    def write(self, outbox: Outbox, projector: Projector, audience: Audience) -> Release:
        """Write what *audience* receives; return it, as one of its feeds gets it."""


class PlainReleases:
    """Of an alert that is not sealed: protection is off."""

    sealer: ReleaseSealer | None = None

    def __init__(self, alert: Accepted) -> None:
        self._alert = alert

    def write(self, outbox: Outbox, projector: Projector, audience: Audience) -> Release:
        """Write one release for all feeds of *audience*."""
        release = projector.project(audience.mask, audience.acknowledge)
        outbox.add(audience.fanout, self._alert.key, release.value)
        return release


class SealedReleases:
    """Of a sealed alert: each feed gets its own wrap of the keys it may have."""

    def __init__(self, alert: Accepted, sealed: SealedAlert, sealer: ReleaseSealer) -> None:
        self._alert = alert
        self._sealed = sealed
        self.sealer: ReleaseSealer | None = sealer
        self._ends = sealer.ends

    def write(self, outbox: Outbox, projector: Projector, audience: Audience) -> Release:
        """Write one release, ending differently for each feed of *audience*."""
        release_key = new_release_key()
        closing = self._sealed.closing(projector.shown(audience.mask), release_key)
        release = projector.project(audience.mask, audience.acknowledge, closing)
        ends = self._ends(self._sealed, audience.feeds, release_key)
        outbox.add_sealed(audience.fanout, self._alert.key, release.value, ends)
        return release


class EndToEndReleases:
    """Of a TLP:RED alert: the originator wrapped its key for each unit; the hub has none."""

    sealer: ReleaseSealer | None = None

    def __init__(self, alert: Accepted, sealer: ReleaseSealer, fanout_of: FanoutOf) -> None:
        self._alert = alert
        self._end_to_end = sealer.end_to_end
        self._fanout_of = fanout_of

    def write(self, outbox: Outbox, projector: Projector, audience: Audience) -> Release:
        """Write each feed of *audience* a release of its own."""
        for feed in audience.feeds:
            closing = self._end_to_end(self._alert, feed)
            release = projector.project(audience.mask, audience.acknowledge, closing)
            outbox.add(self._fanout_of(feed), self._alert.key, release.value)
        return release


def releases_of(
    alert: Accepted,
    known: Known,
    projector: Projector,
    sealer: ReleaseSealer | None,
    fanout_of: FanoutOf,
) -> Releases:
    """Return how the releases of *alert* are written.

    Raises:
        Rejected: It is not sealed although protection is on, or sealed although it is off,
            or its key was erased.
    """
    if sealer is None:
        if alert.distribution_commitment is not None:
            raise Rejected(Reason.SEAL_BROKEN)  # accept seals, route was told not to
        return PlainReleases(alert)
    if known.view["tlp"] in _END_TO_END:
        return EndToEndReleases(alert, sealer, fanout_of)
    return SealedReleases(alert, sealer.sealed(alert, projector.slots_end), sealer)
