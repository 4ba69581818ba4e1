"""One signed alert and its release, and what becomes of them under another signature."""

from datetime import UTC, datetime
from functools import cache

from sealed import (
    ALL,
    FIJI,
    OWN,
    an_alert,
    open_alert,
    protection,
    reason_of,
    released,
    sealed,
    with_tail,
)

from broker.pipeline.open_release import verify_release
from broker.protect.register import Register
from broker.wire.sealing import ReleaseParts


@cache
def published() -> bytes:
    return sealed(an_alert(), bytes(32))


@cache
def release() -> bytes:
    return released(published(), {OWN: ALL})[OWN]


def verified(value: bytes, register: Register | None = None, at: datetime | None = None) -> None:
    """Verify as a recipient does."""
    register = register or protection().folder.register()
    verify_release(register, ReleaseParts(value), FIJI, at or datetime.now(UTC))


def signed_anew(published: bytes, **fields) -> bytes:
    return with_tail(published, signature=lambda signature: signature._replace(**fields))


def release_with(**fields) -> ReleaseParts:
    """Return the release with its signature changed."""
    parts = ReleaseParts(release())
    parts.signature = parts.signature._replace(**fields)
    return parts


def both_refuse(**fields) -> set[tuple[str, str]]:
    """Return why accept and a recipient refuse an alert whose signature was changed so."""
    register = protection().folder.register()
    now = datetime.now(UTC)
    return {
        reason_of(open_alert, signed_anew(published(), **fields)),
        reason_of(verify_release, register, release_with(**fields), FIJI, now),
    }
