"""Open a sealed release with the key of its feed, and verify what its originator signed."""

from collections.abc import Callable
from datetime import datetime

from broker.errors import KeeperUnavailable, KeyMissing, Rejected
from broker.model.reason import Reason
from broker.model.release import ReleaseView
from broker.protect.recall_seal import RecallStatement, doubt_of
from broker.protect.register import Register, RegisterOf
from broker.protect.release_seal import masked, open_feed_key, open_slot_keys
from broker.protect.signature import verify
from broker.protect.slot_seal import AlertKeys, SealBroken, bound_to, open_slot
from broker.protect.vault import Vault, missing
from broker.protect.wrap import Unwrapper, alert_info
from broker.wire.alert_codec import decode_release
from broker.wire.codec import decode_trusted
from broker.wire.sealing import OpenSlot, ReleaseParts, opened_release
from broker.wire.tails import signature_in

#: Gives the vault's share of an alert by its statement's digest, id and revision; None where
#: it was erased.
ShareOf = Callable[[bytes, bytes, int], bytes | None]

_NOT_HERE = (Reason.KEY_UNKNOWN, Reason.KEY_DESTROYED)


class ReleaseOpener:
    """Opens the releases of one feed.

    Args:
        feed: The feed.
        register: The key register of today.
        unwrapper: Holds the feed's private key, and its unit's for TLP:RED.
        share_of: For entrusted feeds, the vault's half of each release key.
    """

    def __init__(
        self,
        feed: str,
        register: RegisterOf,
        unwrapper: Unwrapper,
        share_of: ShareOf | None = None,
    ) -> None:
        self._feed = feed
        self.register = register
        self._unwrapper = unwrapper
        self._share_of = share_of

    def doubt(self, recall: bytes) -> Reason | None:
        """Return why the hub may not have sent this framed *recall* to this feed, or None."""
        record = decode_trusted(recall, "release")
        moment = round(record["released_at"].timestamp() * 1000)
        said = RecallStatement(self._feed, record["alert_id"], record["revision"], moment)
        return doubt_of(self.register(), signature_in(record["signature"]), said)

    def may_open(self, parts: ReleaseParts) -> bool:
        """Whether the partner entrusted the hub with the key that this release is under."""
        key = self.register().by_id.get((parts.feed_key or b"")[:8].hex())
        return key is not None and key.entrusted

    def open(self, parts: ReleaseParts) -> bytes:
        """Return the plain form of a release.

        Raises:
            Rejected: KEY_UNKNOWN: the key is not here. KEY_DESTROYED: nor will it be. SEAL_BROKEN:
                it is for another feed, or was changed. ERASED: its key is gone from the vault.
        """
        if not parts.is_sealed:
            return parts.value
        try:
            return opened_release(parts, self._open_slot(parts))
        except KeyError:
            raise Rejected(self._why_not_here(parts), "feed_key") from None
        except SealBroken:
            raise Rejected(Reason.SEAL_BROKEN, "feed_key") from None

    def _why_not_here(self, parts: ReleaseParts) -> Reason:
        own = parts.recipient_key
        key = self.register().by_id.get(own.key_id if own else (parts.feed_key or b"")[:8].hex())
        revoked = key is not None and key.revoked_at is not None
        return Reason.KEY_DESTROYED if revoked else Reason.KEY_UNKNOWN

    def _open_slot(self, parts: ReleaseParts) -> OpenSlot:
        bound = bound_to(parts.alert_id, parts.revision)
        if parts.recipient_key is not None:
            key_id = parts.recipient_key.key_id
            info = alert_info(parts.alert_id, parts.revision, key_id)
            alert_key = self._unwrapper.unwrap(key_id, parts.recipient_key.wrapped, info)
            return AlertKeys(alert_key, parts.alert_id, parts.revision).open
        release_key, count = self._release_key(parts, bound), parts.slots.layout.slots
        keys = open_slot_keys(parts.slot_keys or b"", release_key, bound, count)

        def opened(number: int, sealed: bytes) -> bytes | None:
            key = keys[number]
            return None if key is None else open_slot(key, number, bound, sealed)

        return opened

    def _release_key(self, parts: ReleaseParts, bound: bytes) -> bytes:
        feed_key = parts.feed_key or b""
        release_key = open_feed_key(self._feed, feed_key, bound, self._unwrapper)
        key = self.register().by_id.get(feed_key[:8].hex())
        if key is None or not key.entrusted:
            return release_key
        share = self._share(parts)
        if share is None:
            raise Rejected(Reason.ERASED, "feed_key")
        return masked(release_key, share)

    def _share(self, parts: ReleaseParts) -> bytes | None:
        statement = parts.statement()
        if self._share_of is None or statement is None:
            return None
        return self._share_of(statement.digest, parts.alert_id, parts.revision)


def read_verified(
    value: bytes | None, opener: ReleaseOpener, *, with_record: bool = False
) -> ReleaseView:
    """Read a release with the keys that are here: verified, and opened where one fits.

    A release whose key is not here comes with its label, and sealed. A recall that cannot be
    verified comes with its doubt: to stop using an alert harms less than to go on.

    Args:
        value: The framed release.
        opener: Opens the releases of its feed.
        with_record: Put the record, as far as it is opened, into the view.

    Raises:
        Rejected: It is not what its originator signed, or not what it should be.
    """
    view = decode_release(value, with_record=with_record)
    if value is None or view.label is None:
        return view.model_copy(update={"doubt": opener.doubt(value or b"")})
    parts = ReleaseParts(value)
    verify_release(opener.register(), parts, view.label.originator, view.released_at)
    try:
        return decode_release(opener.open(parts), with_record=with_record)
    except KeyMissing:
        return view  # lost is not erased: who is here reads the label, and that there is more
    except Rejected as rejected:
        if rejected.reason in _NOT_HERE:
            return view
        raise


def refuse_missing_key(rejected: Rejected) -> None:
    """Wait for a key that the hub ought to have: that it is not here is no fault of the bytes.

    Raises:
        KeeperUnavailable: *rejected* says so of a key of the hub's, or of the feed's.
    """
    if rejected.reason is Reason.KEY_UNKNOWN:
        raise KeeperUnavailable("KEY_MISSING: a key of this feed is not here") from None


def vault_share(vault: Vault) -> ShareOf:
    """Return how *vault* gives the shares of alerts; KeyMissing says that one is lost."""

    def share_of(digest: bytes, alert_id: bytes, revision: int) -> bytes | None:
        alert_key = vault.find([digest]).get(digest)
        if alert_key is not None:
            return AlertKeys(alert_key, alert_id, revision).share
        fault = missing(vault, alert_id)
        if isinstance(fault, KeyMissing):
            raise fault
        return None

    return share_of


def verify_release(register: Register, parts: ReleaseParts, originator: str, at: datetime) -> None:
    """Check that *originator* signed the label and every commitment of a release.

    Args:
        register: The key register.
        parts: The release, sealed or opened.
        originator: As its label has it.
        at: The moment at which the key must count: when the release was written.

    Raises:
        Rejected: SIGNATURE_MISSING, SIGNATURE_INVALID, or what is wrong with the key.
    """
    statement = parts.statement()
    if statement is None:
        raise Rejected(Reason.SIGNATURE_MISSING, "signature")
    verify(register, originator, parts.signature, statement.signed, at)
