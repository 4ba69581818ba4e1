"""What each role needs of the key folder: one object for those who build the roles."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from broker.model.alert import Alert
from broker.pipeline.open_release import ReleaseOpener, vault_share
from broker.pipeline.reseal import Resealer
from broker.pipeline.seal import OriginatorSeal
from broker.pipeline.seal_release import ReleaseSealer
from broker.pipeline.unseal import Unsealer
from broker.protect.key_folder import KeyFolder
from broker.protect.recall_seal import RecallSigner


@dataclass(frozen=True)
class Protection:
    """A key folder, and the community whose keys are in it.

    Attributes:
        folder: The key folder.
        units: The unit of each feed.
    """

    folder: KeyFolder
    units: Mapping[str, str]

    def originator(self, unit: str, may_know: Collection[str] | None = None) -> OriginatorSeal:
        """Return what signs and seals for *unit*.

        Args:
            unit: The originator.
            may_know: As for `OriginatorSeal`: the names that it may know to have no key.
        """
        return OriginatorSeal(unit, self.folder.register, self.folder.keeper, may_know=may_know)

    def seal(self, alert: Alert, plain: bytes, secret: bytes) -> bytes:
        """Return *plain* signed and sealed for its own originator, whose keys must be here."""
        return self.originator(alert.label.originator).seal(plain, alert, secret)

    def unsealer(self) -> Unsealer:
        """Return what opens for accept."""
        return Unsealer(self.folder.register, self.folder.keeper, self.folder.vault)

    def sealer(self) -> ReleaseSealer:
        """Return what seals for one partition of route."""
        units = dict(self.units)
        return ReleaseSealer(self.folder.register, self.folder.vault, units, self.recalls())

    def recalls(self) -> RecallSigner:
        """Return what signs recalls for the hub."""
        return RecallSigner(self.folder.register, self.folder.keeper)

    def opener(self, feed: str) -> ReleaseOpener:
        """Return what opens the releases of *feed*, as far as keys are here."""
        share_of = vault_share(self.folder.vault)
        return ReleaseOpener(feed, self.folder.register, self.folder.keeper, share_of)

    def resealer(self, feed: str) -> Resealer:
        """Return what seals the releases of *feed* anew where less of them is delivered."""
        return Resealer(feed, self.folder.register, self.folder.vault)
