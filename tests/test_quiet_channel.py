"""A recipient cannot tell a compartment that was withheld from one that was never filled."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed import (
    ALL,
    ENTRUSTED,
    OTHER,
    OWN,
    RED,
    an_alert,
    opener,
    protection,
    reason_of,
    released,
    scratch,
    sealed,
)

from broker.model.compartment import COMPARTMENTS
from broker.pipeline.open_release import read_verified
from broker.pipeline.project import narrow, read_release, resealed
from broker.pipeline.reseal import Resealer
from broker.protect.release_seal import open_feed_key, open_slot_keys
from broker.protect.slot_seal import bound_to
from broker.protect.vault import FileVault
from broker.testing import alert_id_of, make_compartments, make_recall
from broker.wire import codec
from broker.wire.sealing import ReleaseParts

masks = st.integers(0, ALL)
AT = {"alert_id": alert_id_of(1)}
#: What differs from one release to the next whatever they hold, in value and, by DER, in length.
_SIGNATURE = "value"


def filled(mask: int) -> dict[str, Any]:
    """Return content for the compartments in *mask* alone."""
    content = make_compartments()
    return {name.value: content[name.value] for n, name in enumerate(COMPARTMENTS) if mask >> n & 1}


def to_feed(present: int, shown: int, feed: str = OWN, **label) -> bytes:
    """Return what *feed* receives of an alert that fills *present*, if policy shows *shown*."""
    alert = an_alert(**AT, **label, compartments=filled(present))
    return released(sealed(alert), {feed: shown})[feed]


def shape(found: Any, name: str = "") -> Any:
    """Return everything about a record but its random bytes: of those the length alone."""
    if isinstance(found, dict):
        return {key: shape(each, key) for key, each in found.items()}
    if isinstance(found, list):
        return [shape(each, name) for each in found]
    if isinstance(found, bytes):
        return "bytes" if name == _SIGNATURE else len(found)
    return "moment" if name in {"released_at", "originated_at"} else found


def looks(value: bytes) -> Any:
    return shape(codec.decode(value, "release"))


def keys_in(value: bytes, feed: str = OWN) -> list[bool]:
    """Return for which slots the release holds a key, as its recipient finds when it opens it."""
    parts = ReleaseParts(value)
    bound = bound_to(parts.alert_id, parts.revision)
    keeper = protection().folder.keeper
    release_key = open_feed_key(feed, parts.feed_key or b"", bound, keeper)
    return [key is not None for key in open_slot_keys(parts.slot_keys or b"", release_key, bound)]


@settings(max_examples=60)
@given(shown=masks, held=masks, withheld=masks)
def test_a_withheld_compartment_looks_like_an_empty_one(shown, held, withheld):
    one = to_feed(held & shown, shown)
    other = to_feed(held & shown | withheld & ~shown & ALL, shown)

    assert looks(one) == looks(other)
    assert keys_in(one) == keys_in(other)


@settings(max_examples=30)
@given(shown=masks, held=masks, withheld=masks)
def test_so_it_does_in_red_that_is_sealed_end_to_end(shown, held, withheld):
    one = to_feed(held & shown, shown, **RED)
    other = to_feed(held & shown | withheld & ~shown & ALL, shown, **RED)

    assert looks(one) == looks(other)


@settings(max_examples=30)
@given(shown=masks, held=masks, withheld=masks)
def test_so_it_does_when_the_hub_opens_it_for_a_plain_format(shown, held, withheld):
    read = []
    for present in (held & shown, held & shown | withheld & ~shown & ALL):
        value = to_feed(present, shown, ENTRUSTED)
        plain = opener(ENTRUSTED).open(ReleaseParts(value))
        view = read_verified(plain, opener(ENTRUSTED))
        read.append((looks(plain), shape(view.model_dump(exclude={"record"}))))

    assert read[0] == read[1]


@pytest.mark.parametrize("feed", [OWN, OTHER])
def test_a_release_that_was_narrowed_before_it_was_delivered_looks_like_one_that_never_was(feed):
    shown = 0b0000_1010_0101
    once = to_feed(ALL, ALL, feed)

    kept = narrow(read_release(once), shown)
    narrowed = resealed(kept, protection().resealer(feed)).value

    never = to_feed(shown, shown, feed)
    assert looks(narrowed) == looks(never)
    assert keys_in(kept.value, feed) == [True] * len(COMPARTMENTS)
    assert keys_in(narrowed, feed) == keys_in(never, feed)
    assert read_verified(narrowed, opener(feed)).compartments.mask == shown


def test_a_narrowed_release_of_an_entrusted_feed_still_needs_the_vault():
    kept = narrow(read_release(to_feed(ALL, ALL, ENTRUSTED)), 0b11)
    narrowed = resealed(kept, protection().resealer(ENTRUSTED)).value

    assert read_verified(narrowed, opener(ENTRUSTED)).compartments.mask == 0b11
    refused = reason_of(opener(ENTRUSTED, vault=False).open, ReleaseParts(narrowed))
    assert refused == ("ERASED", "feed_key")


def test_what_was_erased_is_not_sealed_anew():
    kept = narrow(read_release(to_feed(ALL, ALL)), 0b11)
    vault = FileVault(scratch())
    vault.erase([AT["alert_id"].bytes], 0)
    empty = Resealer(OWN, protection().folder.register, vault)

    assert reason_of(resealed, kept, empty) == ("ERASED", "feed_key")


def test_of_red_the_hub_holds_no_key_and_changes_nothing():
    kept = narrow(read_release(to_feed(ALL, ALL, **RED)), 0b11)

    assert resealed(kept, protection().resealer(OWN)).value == kept.value


def test_a_recall_is_the_same_before_and_after():
    back = make_recall(AT["alert_id"], 2)

    assert resealed(back, protection().resealer(OWN)) == back


def test_commitments_of_empty_slots_are_as_random_as_others():
    seen = set()
    for _ in range(20):
        slots = codec.decode(to_feed(0, ALL), "release")["compartments"]
        seen |= {slot["commitment"] for slot in slots.values()}

    assert len(seen) == 20 * len(COMPARTMENTS)
    assert {len(each) for each in seen} == {32}
