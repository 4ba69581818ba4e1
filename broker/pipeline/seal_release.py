"""Give each feed the keys of what it may see: route's part in sealing.

Route opens no compartment. From the alert's key it takes the slot keys that a decision
allows, seals them under a release key, and wraps that for each feed. What several feeds of
one profile receive differs in its last bytes only.
"""

import os
from collections.abc import Sequence

import structlog

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.pipeline.accepted import Accepted, statement_digest
from broker.protect.algorithms import KEY_BYTES, Algorithm
from broker.protect.recall_seal import RecallSigner
from broker.protect.register import Holder, RegisterOf
from broker.protect.release_seal import FeedSession, masked, seal_slot_keys
from broker.protect.slot_seal import AlertKeys, bound_to
from broker.protect.vault import Vault, missing
from broker.wire.consumer import ConsumerRecord
from broker.wire.layout import layout_of
from broker.wire.release_bytes import end_to_end_closing, sealed_closing
from broker.wire.sealing import AlertParts
from broker.wire.tails import encode_alert_tail

log = structlog.get_logger()

#: The seal of what accept forwards, when it holds no wrap at all: salt, and two empty fields.
_STRIPPED_SEAL_BYTES = 1 + 32 + 1 + 1


class SealedAlert:
    """One alert under way to its feeds, with its keys."""

    def __init__(self, alert: Accepted, keys: AlertKeys, slots_end: int) -> None:
        assert alert.distribution_commitment is not None
        self._slot_keys = keys.first(layout_of(alert.value).slots)
        self.keys = keys
        self.bound = bound_to(alert.alert_id, alert.revision)
        self._commitment = alert.distribution_commitment
        self._signature = alert.value[slots_end:-_STRIPPED_SEAL_BYTES]

    def closing(self, mask: int, release_key: bytes) -> bytes:
        """Return what follows the slots of the releases that show *mask*."""
        slot_keys = seal_slot_keys(self._slot_keys, mask, release_key, self.bound)
        return sealed_closing(self._signature, self._commitment, slot_keys)


class ReleaseSealer:
    """Seals the releases of one partition.

    Args:
        register: The key register of today.
        vault: Holds the alert keys.
        units: The unit of each feed.
        recalls: Signs the recalls.
    """

    def __init__(
        self,
        register: RegisterOf,
        vault: Vault,
        units: dict[str, str],
        recalls: RecallSigner | None = None,
    ) -> None:
        self.register = register
        self.recalls = recalls
        self._vault = vault
        self._units = units
        self._version = 0
        self._sessions: dict[str, FeedSession] = {}
        self._alert_keys: dict[bytes, bytes] = {}

    def expect(self, records: Sequence[ConsumerRecord]) -> None:
        """Take the keys of a batch out of the vault at once."""
        self._renew_sessions()
        digests = (statement_digest(record) for record in records)
        self._alert_keys = self._vault.find([each for each in digests if each is not None])

    def sealed(self, alert: Accepted, slots_end: int) -> SealedAlert:
        """Return *alert* with its keys.

        Raises:
            Rejected: NOT_ACCEPTED: it is not sealed. ERASED: its key was destroyed.
            KeyMissing: Its key is not there, and nobody destroyed it.
        """
        if alert.distribution_commitment is None:
            raise Rejected(Reason.NOT_ACCEPTED)
        alert_key = self._alert_keys.get(alert.digest)
        if alert_key is None:
            raise missing(self._vault, alert.alert_id)
        return SealedAlert(alert, AlertKeys(alert_key, alert.alert_id, alert.revision), slots_end)

    def ends(self, sealed: SealedAlert, feeds: Sequence[str], release_key: bytes) -> list[bytes]:
        """Return the last bytes of the release for each of *feeds*."""
        halved = masked(release_key, sealed.keys.share)
        sessions = [self._session(feed) for feed in feeds]
        return [s.wrap(halved if s.entrusted else release_key, sealed.bound) for s in sessions]

    def end_to_end(self, alert: Accepted, feed: str) -> bytes:
        """Return what follows the slots of a TLP:RED release to *feed*.

        Raises:
            Rejected: NOT_ACCEPTED: it is not sealed.
        """
        parts = AlertParts(alert.value)
        if parts.seal is None or alert.distribution_commitment is None:
            raise Rejected(Reason.NOT_ACCEPTED)
        unit = self._units.get(feed)
        own = next((wrap for wrap in parts.seal.recipients if wrap.owner == unit), None)
        seal_bytes = len(encode_alert_tail(None, parts.seal)) - 1
        signature = alert.value[parts.slots.end : -seal_bytes]
        commitment, layout = alert.distribution_commitment, parts.slots.layout
        return end_to_end_closing(layout, signature, commitment, own)

    def _session(self, feed: str) -> FeedSession:
        session = self._sessions.get(feed)
        if session is None:
            session = self._sessions[feed] = self._open_session(feed)
        return session

    def _open_session(self, feed: str) -> FeedSession:
        try:
            key = self.register().current(Holder.FEED, feed, Algorithm.HPKE_X25519)
        except Rejected as rejected:
            # Sealed so that nobody can open it: the others must not wait for this feed's key.
            log.error("feed.keyless", feed=feed, reason=rejected.reason.value)  # noqa: TRY400
            return FeedSession(feed, "0" * 16, os.urandom(KEY_BYTES), entrusted=False)
        return FeedSession(feed, key.id, key.public_bytes, entrusted=key.entrusted)

    def _renew_sessions(self) -> None:
        version = self.register().version
        if version != self._version:
            self._version = version
            self._sessions.clear()


def new_release_key() -> bytes:
    """Return a fresh release key."""
    return os.urandom(KEY_BYTES)
