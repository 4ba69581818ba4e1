"""Seal an original that was set aside: it may lie open, and nothing set aside is kept open.

    sealed    HPKE for the hub, over: length of the key (4 bytes, big-endian) | key | value

Bound to where it came from. Destroying the hub's key makes it unreadable.
"""

from typing import Any

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.protect.register import Register, RegisterOf
from broker.protect.slot_seal import SealBroken
from broker.protect.wrap import Unwrapper, wrap

_LENGTH_BYTES = 4


def seal_original(
    register: Register, where: str, key: bytes | None, value: bytes | None
) -> tuple[str, bytes]:
    """Return the hub key, and *key* and *value* sealed for it, bound to *where*.

    Raises:
        Rejected: KEY_UNKNOWN: the hub has no key but revoked ones.
    """
    hub = register.to_keep_under()
    key = key or b""
    content = len(key).to_bytes(_LENGTH_BYTES, "big") + key + (value or b"")
    return hub.id, wrap(content, hub.public_bytes, _info(where, hub.id))


def kept_original(
    register: RegisterOf | None, where: str, key: bytes | None, value: bytes | None
) -> dict[str, Any]:
    """Return the fields `key`, `value` and `key_id` of a record that keeps an original.

    Args:
        register: Keys to seal it with; None where protection is off: it is kept as it came.
        where: What the seal is bound to.
        key: Its key; sealed together with the value.
        value: Its value.

    Raises:
        Rejected: KEY_UNKNOWN: the hub has no key; nothing may be set aside open.
    """
    if register is None:
        return {"key": key, "value": value, "key_id": None}
    key_id, sealed = seal_original(register(), where, key, value)
    return {"key": None, "value": sealed, "key_id": key_id}


def open_original(
    unwrapper: Unwrapper, where: str, key_id: str, sealed: bytes
) -> tuple[bytes, bytes]:
    """Return key and value of an original.

    Raises:
        Rejected: KEY_DESTROYED, or SEAL_BROKEN.
    """
    try:
        content = unwrapper.unwrap(key_id, sealed, _info(where, key_id))
    except KeyError:
        raise Rejected(Reason.KEY_DESTROYED, "key_id") from None
    except SealBroken:
        raise Rejected(Reason.SEAL_BROKEN, "value") from None
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "big")
    return content[_LENGTH_BYTES:end], content[end:]


def _info(where: str, key_id: str) -> bytes:
    return b"lali original 1" + key_id.encode() + b"\x00" + where.encode()
