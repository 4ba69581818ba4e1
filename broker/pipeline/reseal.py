"""Seal a release anew that became less before it was delivered.

A sealed release holds a key for each slot that it shows. Without the content, the key of a slot
that was dropped would still tell its recipient that something was there, and would open the
content wherever else it lay. So what is left gets keys of its own, as route would have given.
"""

from broker.protect.algorithms import Algorithm
from broker.protect.register import Holder, RegisterOf
from broker.protect.release_seal import FeedSession, masked, new_release_key, seal_slot_keys
from broker.protect.slot_seal import AlertKeys, bound_to
from broker.protect.vault import Vault, missing
from broker.wire.release_bytes import with_slot_keys
from broker.wire.sealing import ReleaseParts


class Resealer:
    """Seals the releases of one feed anew.

    Args:
        feed: The feed.
        register: The key register of today.
        vault: Holds the alert keys.
    """

    def __init__(self, feed: str, register: RegisterOf, vault: Vault) -> None:
        self._feed = feed
        self._register = register
        self._vault = vault
        self._open_session: FeedSession | None = None

    def reseal(self, value: bytes) -> bytes:
        """Return the framed release *value* with keys for the slots that it holds, and no other.

        One that holds no slot keys comes back as it is: of TLP:RED the hub has none.

        Raises:
            Rejected: KEY_UNKNOWN: the feed has no key. ERASED: the alert's key was destroyed.
            KeyMissing: The alert's key is not there, and nobody destroyed it.
        """
        parts = ReleaseParts(value)
        statement = parts.statement()
        if parts.slot_keys is None or statement is None:
            return value
        alert_key = self._vault.find([statement.digest]).get(statement.digest)
        if alert_key is None:
            raise missing(self._vault, parts.alert_id, "feed_key")
        keys = AlertKeys(alert_key, parts.alert_id, parts.revision)
        bound, release_key = bound_to(parts.alert_id, parts.revision), new_release_key()
        session = self._session()
        of_slots = keys.first(parts.slots.layout.slots)
        slot_keys = seal_slot_keys(of_slots, parts.slots.present, release_key, bound)
        given = masked(release_key, keys.share) if session.entrusted else release_key
        return with_slot_keys(value, slot_keys, session.wrap(given, bound))

    def _session(self) -> FeedSession:
        key = self._register().current(Holder.FEED, self._feed, Algorithm.HPKE_X25519)
        if self._open_session is None or self._open_session.key_id != key.id:
            self._open_session = FeedSession(
                self._feed, key.id, key.public_bytes, entrusted=key.entrusted
            )
        return self._open_session
