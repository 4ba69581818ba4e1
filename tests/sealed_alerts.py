"""One sealed alert and one sealed end to end, and seals to put in their place."""

from functools import cache

from sealed import RED, an_alert, key_ids, protection, sealed, with_tail

from broker.protect.register import Holder
from broker.protect.wrap import alert_info, wrap
from broker.wire.sealing import AlertParts
from broker.wire.tails import Wrap

INVALID = ("SIGNATURE_INVALID", "signature.value")


@cache
def amber() -> bytes:
    return sealed(an_alert(), b"1" * 32)


@cache
def red() -> bytes:
    return sealed(an_alert(**RED), b"2" * 32)


def with_seal(value: bytes, change) -> bytes:
    return with_tail(value, seal=change)


def wrapped_for(owner: str, holder: Holder, value: bytes, key: bytes = bytes(32)) -> Wrap:
    """Return *key* wrapped for *owner* as if it were the key of the alert *value*."""
    register = protection().folder.register()
    ids = [k for k in key_ids(owner, holder) if "HPKE" in register.by_id[k].algorithm]
    parts = AlertParts(value)
    info = alert_info(parts.alert_id, parts.revision, ids[0])
    return Wrap(owner, ids[0], wrap(key, register.by_id[ids[0]].public_bytes, info))
