"""Seal the content of one slot: padded, then AES-256-GCM under a key of that slot alone.

    slot keys   HKDF-Expand(alert key, "lali slots 1" | alert id | revision), 32 bytes a slot;
                after the twelfth comes the share, so that alerts of twelve slots keep theirs
    plaintext   length (4 bytes, big-endian) | content | zeros up to a size class
    sealed      AES-256-GCM, additional data: slot name | alert id | revision

A slot key seals one plaintext and nothing else ever: the alert key is made from the content
or at random, once per revision. So the nonce is fixed (NIST SP 800-38D, 8.2.1, with a key
per invocation).
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from broker.model.compartment import COMPARTMENTS, UNPARTED_SLOTS
from broker.protect.algorithms import KEY_BYTES

_SHA256 = hashes.SHA256()
_SLOTS = len(COMPARTMENTS)
_NONCE = bytes(12)
_LENGTH_BYTES = 4
_LEAST = 256
_LARGE = 4096
_NAMES = tuple(name.value.encode() for name in COMPARTMENTS)
#: Key material of one alert: a key a slot, and the share that vault and feed key divide.
_MATERIAL_BYTES = (_SLOTS + 1) * KEY_BYTES
_SHARE_AT = UNPARTED_SLOTS * KEY_BYTES


class SealBroken(Exception):
    """The bytes were not sealed under this key, for this slot of this alert."""


class AlertKeys:
    """The keys that follow from one alert key.

    Attributes:
        slots: All slot keys, joined in wire order.
        share: Half of a release key of entrusted feeds (docs/security.md, erasure).
    """

    __slots__ = ("_bound", "share", "slots")

    def __init__(self, alert_key: bytes, alert_id: bytes, revision: int) -> None:
        self._bound = alert_id + revision.to_bytes(4, "big")
        info = b"lali slots 1" + self._bound
        material = HKDFExpand(_SHA256, _MATERIAL_BYTES, info).derive(alert_key)
        self.share = material[_SHARE_AT : _SHARE_AT + KEY_BYTES]
        self.slots = material[:_SHARE_AT] + material[_SHARE_AT + KEY_BYTES :]

    def first(self, slots: int) -> bytes:
        """Return the keys of so many slots, joined: an alert of twelve has no more."""
        return self.slots[: slots * KEY_BYTES]

    def seal(self, slot: int, content: bytes) -> bytes:
        """Return *content* of slot number *slot*, padded and sealed."""
        return seal_slot(self.slot_key(slot), slot, self._bound, content)

    def open(self, slot: int, sealed: bytes) -> bytes:
        """Return what `seal` was given.

        Raises:
            SealBroken: It was sealed otherwise.
        """
        return open_slot(self.slot_key(slot), slot, self._bound, sealed)

    def slot_key(self, slot: int) -> bytes:
        """Return the key of slot number *slot*."""
        return self.slots[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]


def bound_to(alert_id: bytes, revision: int) -> bytes:
    """Return what every seal of one revision is bound to."""
    return alert_id + revision.to_bytes(4, "big")


def seal_slot(key: bytes, slot: int, bound: bytes, content: bytes) -> bytes:
    """Return *content* padded and sealed under the slot's own *key*."""
    return AESGCM(key).encrypt(_NONCE, _padded(content), _NAMES[slot] + bound)


def open_slot(key: bytes, slot: int, bound: bytes, sealed: bytes) -> bytes:
    """Return the content of a sealed slot.

    Raises:
        SealBroken: It was not sealed under *key*, for this slot, bound so.
    """
    try:
        padded = AESGCM(key).decrypt(_NONCE, sealed, _NAMES[slot] + bound)
    except (InvalidTag, ValueError):
        raise SealBroken from None
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    content = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if _padded(content) != padded:
        raise SealBroken
    return content


def _padded(content: bytes) -> bytes:
    # Sizes come in few classes, so that they do not tell what is inside.
    size = _LENGTH_BYTES + len(content)
    if size <= _LARGE:
        room = max(_LEAST, 1 << (size - 1).bit_length())
    else:
        room = -(-size // _LARGE) * _LARGE
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content + bytes(room - size)
