"""Give each feed the keys of what it may see: route's part in sealing.

Route opens no compartment. From the alert's key it takes the slot keys that a decision
allows, seals them under a release key, and wraps that for each feed. What several feeds of
one profile receive differs in its last bytes only.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.pipeline.accepted import Accepted, statement_digest
from broker.pipeline.reseal import Resealer
from broker.protect.algorithms import KEY_BYTES, Algorithm
from broker.protect.recall_seal import RecallSigner
from broker.protect.register import Holder, Register, RegisterOf
from broker.protect.release_seal import KEY_NUMBER_BYTES, FeedSession, masked, seal_slot_keys
from broker.protect.slot_seal import AlertKeys, bound_to
from broker.protect.vault import Vault, missing
from broker.wire.consumer import ConsumerRecord
from broker.wire.layout import layout_of
from broker.wire.release_bytes import end_to_end_closing, sealed_closing
from broker.wire.sealing import AlertParts, ReleaseParts
from broker.wire.tails import encode_alert_tail

log = structlog.get_logger()

#: The seal of what accept forwards, when it holds no wrap at all: salt, and two empty fields.
_STRIPPED_SEAL_BYTES = 1 + 32 + 1 + 1
#: The key id in what is sealed for nobody.
_NO_KEY = "0" * 2 * KEY_NUMBER_BYTES


class FeedsKeyless(Exception):
    """Feeds that an alert goes to have no key that counts: what they get waits until they have.

    Attributes:
        feeds: Each with the reason: KEY_EXPIRED, KEY_UNKNOWN.
    """

    def __init__(self, feeds: dict[str, Reason]) -> None:
        super().__init__("FEEDS_KEYLESS")
        self.feeds = feeds


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

    Attributes:
        keyless: Feeds without a key that counts, each with the reason.
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
        self.keyless: dict[str, Reason] = {}
        self._vault = vault
        self._units = units
        self._version = 0
        self._until: datetime | None = None
        self._sessions: dict[str, FeedSession] = {}
        self._alert_keys: dict[bytes, bytes] = {}

    def expect(self, records: Sequence[ConsumerRecord], now: int) -> None:
        """Take the keys of a batch out of the vault at once; *now* is epoch milliseconds."""
        self.renew(now)
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

    def require_keys(self, feeds: Iterable[str]) -> None:
        """Ask whether each of *feeds* can be sealed for.

        Raises:
            FeedsKeyless: Some cannot.
        """
        if self.keyless:
            missing_keys = {feed: self.keyless[feed] for feed in feeds if feed in self.keyless}
            if missing_keys:
                raise FeedsKeyless(missing_keys)

    def resealed(self, feed: str, value: bytes) -> bytes:
        """Return a release that nobody can open, as *feed* can by its key of today.

        One that was sealed for a key, or end to end, comes back as it is.

        Raises:
            Rejected: KEY_UNKNOWN, KEY_EXPIRED, or ERASED: the alert's key was destroyed.
            KeyMissing: The alert's key is not there, and nobody destroyed it.
        """
        feed_key = ReleaseParts(value).feed_key
        if feed_key is None or feed_key[:KEY_NUMBER_BYTES].hex() != _NO_KEY:
            return value
        return Resealer(feed, self.register, self._vault).reseal(value)

    def renew(self, now: int) -> None:
        """Look which keys count at *now*, epoch milliseconds."""
        register, at = self.register(), datetime.fromtimestamp(now / 1000, UTC)
        if register.version == self._version and (self._until is None or at < self._until):
            return
        self._version, self._until = register.version, register.next_change(at)
        self._sessions.clear()
        self._note_keyless(register, at)

    def _note_keyless(self, register: Register, at: datetime) -> None:
        before, self.keyless = self.keyless, {}
        for feed in self._units:
            try:
                register.current(Holder.FEED, feed, Algorithm.HPKE_X25519, at)
            except Rejected as rejected:
                self.keyless[feed] = rejected.reason
                if feed not in before:
                    log.warning("feed.keyless", feed=feed, reason=rejected.reason.value)

    def _session(self, feed: str) -> FeedSession:
        session = self._sessions.get(feed)
        if session is None:
            session = self._sessions[feed] = self._open_session(feed)
        return session

    def _open_session(self, feed: str) -> FeedSession:
        if feed in self.keyless:
            # What it gets is held, sealed so that nobody can open it, and sealed anew once the
            # feed has a key: the others must not wait for that.
            return FeedSession(feed, _NO_KEY, os.urandom(KEY_BYTES), entrusted=False)
        key = self.register().current(Holder.FEED, feed, Algorithm.HPKE_X25519)
        return FeedSession(feed, key.id, key.public_bytes, entrusted=key.entrusted)
