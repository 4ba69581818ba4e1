"""Sealed releases: a feed opens what it was given, with its own key, and nothing else."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from sealed import (
    ALL,
    ENTRUSTED,
    OTHER,
    OWN,
    an_alert,
    contents,
    key_ids,
    protection,
    reason_of,
    released,
    sealed,
    shown,
)
from sealed_releases import BROKEN, SOME, amber, masks, own, read, same_bytes, to_feeds, with_fields

from broker.model.compartment import COMPARTMENTS
from broker.pipeline.project import narrow, read_release
from broker.protect.register import Holder
from broker.protect.release_seal import (
    FEED_KEY_BYTES,
    FeedSession,
    open_feed_key,
    open_slot_keys,
    seal_slot_keys,
)
from broker.protect.slot_seal import AlertKeys, SealBroken, bound_to
from broker.wire import codec
from broker.wire.sealing import ReleaseParts


@settings(max_examples=300, deadline=None)
@given(masks)
def test_whatever_is_withheld_the_rest_verifies_and_opens_and_no_more(mask):
    value = released(amber(), {OWN: mask})[OWN]
    view = read(value, unwrapper=own(OWN))

    assert not view.sealed
    assert shown(view) == mask
    whole = contents(read(to_feeds()[OWN]))
    assert contents(view).items() <= whole.items()


@settings(max_examples=200, deadline=None)
@given(masks)
def test_a_release_carries_keys_of_the_slots_it_shows_and_zeros_for_the_others(mask):
    release_key, bound = bytes(range(32)), bound_to(bytes(16), 1)
    keys = AlertKeys(bytes(32), bytes(16), 1)

    carried = open_slot_keys(
        seal_slot_keys(keys.slots, mask, release_key, bound), release_key, bound
    )

    for slot in range(len(COMPARTMENTS)):
        assert carried[slot] == (keys.slot_key(slot) if mask >> slot & 1 else None)


def test_what_is_withheld_is_not_in_the_release_at_all():
    # Neither its key nor its sealed content: not even who breaks a key reads it.
    parts = ReleaseParts(to_feeds()[OTHER])
    whole = ReleaseParts(to_feeds()[OWN])

    for slot in range(len(COMPARTMENTS)):
        content = parts.slots.content(parts.value, slot)
        assert (content is not None) == bool(SOME >> slot & 1)
        if content is None:
            assert whole.slots.content(whole.value, slot) not in parts.value


def test_feeds_of_one_profile_differ_in_their_last_bytes_only():
    assert same_bytes(to_feeds()[OWN], to_feeds()[ENTRUSTED])
    assert to_feeds()[OWN] != to_feeds()[ENTRUSTED]


def test_a_release_says_of_its_size_nothing_but_what_it_shows():
    def size(mark: str) -> int:
        value = released(sealed(an_alert(mark=mark)), {OWN: SOME})[OWN]
        return len(value) - len(ReleaseParts(value).signature.value)  # 70 to 72 bytes, in DER

    assert size("A") == size("B" * 45)


@pytest.mark.parametrize("feed", [OTHER, ENTRUSTED])
def test_the_key_of_another_feed_opens_nothing(feed):
    view = read(to_feeds()[OWN], feed, unwrapper=own(feed))

    assert view.sealed
    assert shown(view) == 0


@pytest.mark.parametrize("feed", [OTHER, ENTRUSTED])
def test_a_release_in_the_place_of_another_feeds_is_refused_where_its_key_is_known(feed):
    assert reason_of(read, to_feeds()[OWN], feed) == BROKEN


def test_a_feeds_key_taken_to_a_release_that_shows_more_opens_nothing():
    more = to_feeds()[OWN][:-FEED_KEY_BYTES] + to_feeds()[OTHER][-FEED_KEY_BYTES:]

    assert reason_of(read, more, OTHER, unwrapper=own(OTHER)) == BROKEN


def test_slot_keys_taken_to_another_release_open_nothing():
    more = codec.decode(to_feeds()[OWN], "release")["slot_keys"]
    assert reason_of(read, with_fields(to_feeds()[OTHER], slot_keys=more), OTHER) == BROKEN

    another = released(sealed(an_alert()), {OWN: ALL})[OWN]
    theirs = codec.decode(another, "release")
    for names in (("slot_keys",), ("feed_key",), ("slot_keys", "feed_key")):
        replayed = with_fields(to_feeds()[OWN], **{name: theirs[name] for name in names})
        assert reason_of(read, replayed) == BROKEN


def test_slots_swapped_between_releases_or_places_are_refused():
    record = codec.decode(to_feeds()[OWN], "release")
    other = codec.decode(released(sealed(an_alert()), {OWN: ALL})[OWN], "release")
    slots = record["compartments"]

    foreign = slots | {"victims": other["compartments"]["victims"]}
    content = slots | {
        "victims": slots["victims"] | {"content": other["compartments"]["victims"]["content"]}
    }
    swapped = slots | {"victims": slots["suspects"], "suspects": slots["victims"]}
    inside = slots | {"victims": slots["victims"] | {"content": slots["suspects"]["content"]}}

    invalid = ("SIGNATURE_INVALID", "signature.value")
    broken = ("SEAL_BROKEN", "compartments.victims")
    for changed, refused in (
        (foreign, invalid),
        (swapped, invalid),
        (content, broken),
        (inside, broken),
    ):
        assert reason_of(read, with_fields(to_feeds()[OWN], compartments=changed)) == refused


def test_a_slot_put_back_into_a_release_that_withholds_it_is_not_shown():
    whole = codec.decode(to_feeds()[OWN], "release")["compartments"]
    view = read(with_fields(to_feeds()[OTHER], compartments=whole), OTHER)

    assert shown(view) == SOME


def test_a_release_without_its_keys_is_not_read_as_if_it_were_open():
    bare = with_fields(to_feeds()[OWN], feed_key=None, slot_keys=None)

    assert reason_of(read, bare)[0] == "COMMITMENT_DIFFERS"


@pytest.mark.parametrize("bound", [(bytes(16), 2), (bytes(15) + b"\x01", 1)])
def test_a_feeds_key_is_bound_to_alert_and_revision(bound):
    register = protection().folder.register()
    key_id = key_ids(OWN, Holder.FEED)[0]
    session = FeedSession(OWN, key_id, register.by_id[key_id].public_bytes, entrusted=False)
    made = session.wrap(bytes(32), bound_to(bytes(16), 1))
    keeper = protection().folder.keeper

    assert open_feed_key(OWN, made, bound_to(bytes(16), 1), keeper) == bytes(32)
    with pytest.raises(SealBroken):
        open_feed_key(OWN, made, bound_to(*bound), keeper)
    with pytest.raises(SealBroken):
        open_feed_key(OTHER, made, bound_to(bytes(16), 1), keeper)
    for cut in (made[:-1], made + b"\x00", b""):
        with pytest.raises(SealBroken):
            open_feed_key(OWN, cut, bound_to(bytes(16), 1), keeper)


def test_a_sealed_release_that_is_narrowed_shows_less_and_verifies():
    less = narrow(read_release(to_feeds()[OWN]), SOME)

    assert shown(read(less.value)) == SOME


def test_a_session_never_uses_a_nonce_twice():
    register = protection().folder.register()
    key_id = key_ids(OWN, Holder.FEED)[0]
    session = FeedSession(OWN, key_id, register.by_id[key_id].public_bytes, entrusted=False)
    bound = bound_to(uuid4().bytes, 1)

    made = [session.wrap(bytes(32), bound) for _ in range(300)]

    assert len({each[88:100] for each in made}) == 300
    assert {each[:88] for each in made} == {made[0][:88]}
    assert {len(each) for each in made} == {FEED_KEY_BYTES}
