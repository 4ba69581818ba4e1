"""The records that deliver writes: audit entries, marks and dead letters."""

import hashlib

from broker.model.reason import Reason
from broker.model.release import Release
from broker.wire import codec


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
) -> bytes:
    """Return a framed audit entry: DELIVERED, NOT_DELIVERED or DEAD_LETTERED.

    Its id depends on what it is about alone, so a repetition has the same one.
    """
    identity = f"{kind}\n{release.idempotency_key(feed)}"
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
    feed: str, release: Release, state: str, at: int, *, held: bool, reason: Reason | None = None
) -> codec.Record:
    """Return what the ledger keeps of the latest release of an alert to *feed*."""
    return {
        "feed": feed,
        "alert_id": release.alert_id.bytes,
        "revision": release.revision,
        "kind": release.kind.value,
        "state": state,
        "held": held,
        "at": at,
        "reason": reason.value if reason else None,
    }


def dead_letter(
    feed: str,
    release: Release | None,
    value: bytes,
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
        "release": value,
    }
    return codec.encode("dead-letter", letter)
