"""Give a feed the keys of the slots it may see, and of no other.

    release key     32 random bytes, one for each alert and disclosure profile
    slot keys       one a slot, zeros for what stays out; AES-256-GCM under the release key
    session key     32 random bytes, one for each feed and each start of a router; wrapped
                    once for the feed's own key (HPKE), and carried by every release
    the feed's key  key number (8) | wrapped session key (80) | counter (12) | release key
                    under the session key (48): always 148 bytes, last in the record

Being last and of one size, it is all that differs between two feeds of one profile, so the
rest is built once for all of them. Of a feed whose key the hub itself keeps (an entrusted
feed), the release key is masked with the alert's share: without the vault, that key alone
opens nothing.
"""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.model.compartment import COMPARTMENTS
from broker.protect.algorithms import KEY_BYTES, WRAP_BYTES
from broker.protect.slot_seal import SealBroken
from broker.protect.wrap import Unwrapper, feed_info, wrap

KEY_NUMBER_BYTES = 8
_COUNTER_BYTES = 12
_TAG_BYTES = 16
FEED_KEY_BYTES = KEY_NUMBER_BYTES + WRAP_BYTES + _COUNTER_BYTES + KEY_BYTES + _TAG_BYTES
_NONCE = bytes(_COUNTER_BYTES)
_SLOTS = len(COMPARTMENTS)
_ZERO_KEY = bytes(KEY_BYTES)


def new_release_key() -> bytes:
    """Return a fresh release key."""
    return os.urandom(KEY_BYTES)


def seal_slot_keys(slots: bytes, mask: int, release_key: bytes, bound: bytes) -> bytes:
    """Return the slot keys in *mask* under *release_key*, the others as zeros.

    Args:
        slots: The keys of all slots of the alert, joined in wire order.
        mask: Which to give.
        release_key: Of this release.
        bound: What every seal of the revision is bound to.
    """
    kept = int.from_bytes(slots, "big") & _kept(mask, len(slots) // KEY_BYTES)
    return AESGCM(release_key).encrypt(_NONCE, kept.to_bytes(len(slots), "big"), bound)


@lru_cache(maxsize=4096)
def _kept(mask: int, slots: int) -> int:
    """Return ones over the keys of the slots in *mask*, of so many slots."""
    ones, zeros = b"\xff" * KEY_BYTES, _ZERO_KEY
    return int.from_bytes(b"".join(ones if mask >> n & 1 else zeros for n in range(slots)), "big")


def open_slot_keys(
    sealed: bytes, release_key: bytes, bound: bytes, slots: int = _SLOTS
) -> list[bytes | None]:
    """Return the slot keys in a release of so many *slots*, None where there is none.

    Raises:
        SealBroken: They were sealed otherwise.
    """
    try:
        joined = AESGCM(release_key).decrypt(_NONCE, sealed, bound)
    except (InvalidTag, ValueError):
        raise SealBroken from None
    if len(joined) != slots * KEY_BYTES:
        raise SealBroken
    keys = (joined[n * KEY_BYTES : (n + 1) * KEY_BYTES] for n in range(slots))
    return [None if key == _ZERO_KEY else key for key in keys]


def masked(release_key: bytes, share: bytes) -> bytes:
    """Return *release_key* divided from *share*, or put together again: one is the other."""
    both = int.from_bytes(release_key, "big") ^ int.from_bytes(share, "big")
    return both.to_bytes(KEY_BYTES, "big")


class FeedSession:
    """Wraps release keys for one feed, under one session key.

    Args:
        feed: The feed.
        key_id: Its current key.
        public: That key, raw X25519.
        entrusted: Whether the hub keeps the private key.
    """

    def __init__(self, feed: str, key_id: str, public: bytes, *, entrusted: bool) -> None:
        session_key = os.urandom(KEY_BYTES)
        wrapped = wrap(session_key, public, feed_info(feed, key_id))
        self.entrusted = entrusted
        self.key_id = key_id
        self._head = key_number(key_id) + wrapped
        self._cipher = AESGCM(session_key)
        self._counter = 0

    def wrap(self, release_key: bytes, bound: bytes) -> bytes:
        """Return the feed's key of one release, `FEED_KEY_BYTES` long."""
        self._counter += 1
        counter = self._counter.to_bytes(_COUNTER_BYTES, "big")
        return self._head + counter + self._cipher.encrypt(counter, release_key, bound)


def key_number(key_id: str) -> bytes:
    """Return a key's id as a release carries it."""
    return bytes.fromhex(key_id)


def open_feed_key(feed: str, feed_key: bytes, bound: bytes, unwrapper: Unwrapper) -> bytes:
    """Return the release key, masked where the feed is entrusted.

    Raises:
        KeyError: The feed's private key is not here.
        SealBroken: The release is for another feed, or is not as route wrote it.
    """
    if len(feed_key) != FEED_KEY_BYTES:
        raise SealBroken
    key_id = feed_key[:KEY_NUMBER_BYTES].hex()
    wrapped = feed_key[KEY_NUMBER_BYTES : KEY_NUMBER_BYTES + WRAP_BYTES]
    rest = feed_key[KEY_NUMBER_BYTES + WRAP_BYTES :]
    session_key = unwrapper.unwrap(key_id, wrapped, feed_info(feed, key_id))
    try:
        return AESGCM(session_key).decrypt(rest[:_COUNTER_BYTES], rest[_COUNTER_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise SealBroken from None
