"""Releases of one sealed alert, as its feeds receive them and as they read them."""

from functools import cache

from hypothesis import strategies as st
from sealed import (
    ALL,
    ENTRUSTED,
    OTHER,
    OWN,
    RED,
    an_alert,
    keeper_with,
    key_ids,
    opener,
    released,
    sealed,
)

from broker.model.release import ReleaseView
from broker.pipeline.open_release import read_verified
from broker.protect.register import Holder
from broker.protect.release_seal import (
    FEED_KEY_BYTES,
)
from broker.wire import codec

BROKEN = ("SEAL_BROKEN", "feed_key")
SOME = 0b0000_1010_0101
masks = st.integers(0, ALL)


@cache
def amber() -> bytes:
    return sealed(an_alert(), b"3" * 32)


@cache
def to_feeds() -> dict[str, bytes]:
    """Return one alert as three feeds receive it, one of them less of it."""
    return released(amber(), {OWN: ALL, OTHER: SOME, ENTRUSTED: ALL})


@cache
def red() -> bytes:
    return released(sealed(an_alert(**RED), b"4" * 32), {OWN: ALL})[OWN]


def own(feed: str, holder: Holder = Holder.FEED):
    """Return a keeper with the keys of one owner alone."""
    return keeper_with(*key_ids(feed, holder))


def read(value: bytes, feed: str = OWN, **changed) -> ReleaseView:
    return read_verified(value, opener(feed, **changed))


def with_fields(value: bytes, **fields) -> bytes:
    return codec.encode("release", codec.decode(value, "release") | fields)


def same_bytes(one: bytes, other: bytes) -> bool:
    return one[:-FEED_KEY_BYTES] == other[:-FEED_KEY_BYTES]
