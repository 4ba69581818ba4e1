"""The records that deliver writes: audit entries, marks and dead letters."""

import hashlib
from typing import NamedTuple

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.protect.original import kept_original
from broker.protect.register import RegisterOf
from broker.wire import codec
from broker.wire.alert_codec import decode_release
from broker.wire.consumer import ConsumerRecord


def delivery_entry(
    kind: str,
    feed: str,
    release: Release,
    at: int,
    bundle_digest: bytes,
    *,
    reason: Reason | None = None,
    reference: str | None = None,
    attempts: int = 0,
    credential: str | None = None,
    by_bundle: bool = False,
) -> bytes:
    """Return a framed audit entry: DELIVERED, NOT_DELIVERED or DEAD_LETTERED.

    Its id depends on what it is about alone, so a repetition has the same one; where it is
    *by_bundle*, the same release shown under another bundle, or to another credential, is none.
    """
    identity = f"{kind}\n{release.idempotency_key(feed)}"
    if by_bundle:
        identity += f"\n{bundle_digest.hex()}\n{credential}"
    entry = {
        "entry_id": hashlib.sha256(identity.encode()).digest()[:16],
        "kind": kind,
        "stage": "DELIVER",
        "at": at,
        "alert_id": release.alert_id.bytes,
        "revision": release.revision,
        "recalled": [],
        "bundle_digest": bundle_digest,
        "feed": feed,
        "release_kind": release.kind.value,
        "compartments": release.profile,
        "reason": reason.value if reason else None,
        "reference": reference,
        "attempts": attempts,
        "credential": credential,
    }
    return codec.encode("audit-entry", entry)


def unreadable_entry(feed: str, partition: int, offset: int, at: int, reason: Reason) -> bytes:
    """Return the audit entry of a feed's record that is no release."""
    identity = f"UNREADABLE\n{feed}\n{partition}\n{offset}"
    entry = {
        "entry_id": hashlib.sha256(identity.encode()).digest()[:16],
        "kind": "DEAD_LETTERED",
        "stage": "DELIVER",
        "at": at,
        "recalled": [],
        "feed": feed,
        "reason": reason.value,
    }
    return codec.encode("audit-entry", entry)


def delivery_mark(
    feed: str, release: Release, state: str, at: int, bundle_digest: bytes, *, held: bool,
    reason: Reason | None = None, owed: tuple[int, int] | None = None,
    letter_offset: int | None = None,
) -> codec.Record:  # fmt: skip
    """Return what the ledger keeps of the latest release of an alert to *feed*.

    Args:
        feed: The feed.
        release: As it was handed over, where it was.
        state: DELIVERED, NOT_DELIVERED, PARKED, OWED, DROPPED or GIVEN_UP.
        at: When, epoch milliseconds.
        bundle_digest: The bundle that decided.
        held: Whether the recipient ever took any revision.
        reason: Why it was not delivered.
        owed: Revision and moment (epoch milliseconds) of a recall that is not taken yet.
        letter_offset: Where its dead letter lies.
    """
    return {
        "feed": feed,
        "alert_id": release.alert_id.bytes,
        "revision": release.revision,
        "kind": release.kind.value,
        "state": state,
        "held": held,
        "at": at,
        "reason": reason.value if reason else None,
        "bundle_digest": bundle_digest,
        "profile": release.profile,
        "owed": owed[0] if owed else None,
        "owed_at": owed[1] if owed else None,
        "letter_offset": letter_offset,
    }


class Original(NamedTuple):
    """A record of a feed as a dead letter keeps it.

    Attributes:
        value: Its value, or key and value sealed for the hub.
        key_id: The hub key it is sealed for; None where it is as it came.
    """

    value: bytes
    key_id: str | None = None


def original_of(record: ConsumerRecord, feed: str, register: RegisterOf | None) -> Original:
    """Return *record* as a dead letter keeps it: what route did not seal is sealed for the hub.

    Args:
        record: What stood in the feed's topic.
        feed: The feed.
        register: Keys to seal with; None where protection is off.

    Raises:
        Rejected: KEY_UNKNOWN: the hub has no key; nothing may be set aside open.
    """
    value = record.value or b""
    if register is None or _is_sealed(value):
        return Original(value)
    kept = kept_original(register, f"feed/{feed}", record.key, value)
    return Original(kept["value"], kept["key_id"])


def _is_sealed(value: bytes) -> bool:
    """Whether *value* is a release that shows nothing without a key; a recall never does."""
    try:
        view = decode_release(value)
    except Rejected:
        return False
    return view.sealed or view.kind is ReleaseKind.RECALL


def dead_letter(
    feed: str,
    release: Release | None,
    original: Original,
    at: int,
    reason: Reason,
    *,
    code: str = "",
    attempts: int = 0,
) -> bytes:
    """Return a framed dead letter; *release* is None where the record could not be read."""
    letter = {
        "feed": feed,
        "alert_id": release.alert_id.bytes if release else None,
        "revision": release.revision if release else None,
        "kind": release.kind.value if release else "UNKNOWN",
        "reason": reason.value,
        "code": code,
        "at": at,
        "attempts": attempts,
        "release": original.value,
        "key_id": original.key_id,
    }
    return codec.encode("dead-letter", letter)
