"""Sealed releases: a feed opens what it was given, with its own key, and nothing else."""

from functools import cache
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed import (
    ALL,
    ENTRUSTED,
    FIJI,
    OTHER,
    OWN,
    RED,
    SAMOA,
    TONGA,
    an_alert,
    contents,
    flipped,
    keeper_with,
    key_ids,
    opener,
    protection,
    reason_of,
    released,
    sealed,
    shown,
)

from broker.errors import Rejected
from broker.model.compartment import COMPARTMENTS
from broker.model.release import ReleaseView
from broker.pipeline.open_release import ReleaseOpener, read_verified
from broker.pipeline.project import narrow, opened, read_release
from broker.protect.register import Holder
from broker.protect.release_seal import (
    FEED_KEY_BYTES,
    KEY_NUMBER_BYTES,
    FeedSession,
    masked,
    open_feed_key,
    open_slot_keys,
    seal_slot_keys,
)
from broker.protect.slot_seal import AlertKeys, SealBroken, bound_to
from broker.wire import codec
from broker.wire.alert_codec import decode_release
from broker.wire.sealing import ReleaseParts

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

    for slot in range(12):
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

    assert size("A") == size("B" * 60)


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


@given(st.integers(0, (FEED_KEY_BYTES - KEY_NUMBER_BYTES) * 8 - 1))
def test_a_bit_changed_anywhere_in_a_feeds_key_is_refused(bit):
    start = len(to_feeds()[OWN]) - FEED_KEY_BYTES + KEY_NUMBER_BYTES

    assert reason_of(read, flipped(to_feeds()[OWN], start * 8 + bit)) == BROKEN


#: What the hub says of its own, and no originator signed: when it released, the profile that
#: it showed, how soon to acknowledge; of TLP:RED, whose the key is by name. Changed, they
#: change no content, and nothing that the originator said.
_HUBS_OWN = {"released_at", "acknowledge_within_seconds", "profile"}


def _same_or_refused(value: bytes, bit: int, reader: ReleaseOpener) -> None:
    whole = read_verified(value, reader)
    changed = flipped(value, bit)
    try:
        view = read_verified(changed, reader)
    except Rejected:
        return
    before, after = codec.decode(value, "release"), codec.decode(changed, "release")
    differing = {name for name in before if before[name] != after[name]}
    if view.sealed:  # as if the key were not here: nothing is read
        assert differing <= _HUBS_OWN | {"feed_key", "recipient_key", "slot_keys"}
        assert shown(view) == 0
        assert view.label == whole.label
        return
    assert contents(view) == contents(whole)
    assert (view.alert_id, view.revision) == (whole.alert_id, whole.revision)
    assert differing <= _HUBS_OWN | {"recipient_key"}
    if "recipient_key" in differing:
        assert before["recipient_key"]["wrapped"] == after["recipient_key"]["wrapped"]


@settings(max_examples=600, deadline=None)
@given(st.integers(0, len(to_feeds()[OWN]) * 8 - 1))
def test_a_bit_changed_anywhere_in_a_release_is_refused_or_changes_nothing_that_was_signed(bit):
    _same_or_refused(to_feeds()[OWN], bit, opener(OWN, unwrapper=own(OWN)))


@settings(max_examples=600, deadline=None)
@given(st.integers(0, len(red()) * 8 - 1))
def test_a_bit_changed_in_red_is_refused_or_changes_nothing_that_was_signed(bit):
    _same_or_refused(red(), bit, opener(OWN, unwrapper=own(SAMOA, Holder.UNIT)))


def test_what_comes_before_and_after_the_slots_is_tried_bit_by_bit():
    value = to_feeds()[OWN]
    parts = ReleaseParts(value)
    head = range((parts.slots.start) * 8)
    tail = range(parts.slots.end * 8, len(value) * 8)
    reader = opener(OWN, unwrapper=own(OWN))

    for bit in (*head, *tail):
        _same_or_refused(value, bit, reader)


def test_red_opens_for_the_named_unit_and_for_nobody_else():
    everybody_else = keeper_with(
        *key_ids("hub", Holder.HUB),
        *key_ids(FIJI, Holder.UNIT),
        *key_ids(TONGA, Holder.UNIT),
        *(key_id for feed in (OWN, OTHER, ENTRUSTED) for key_id in key_ids(feed, Holder.FEED)),
    )

    assert shown(read(red(), unwrapper=own(SAMOA, Holder.UNIT))) == ALL
    closed = read(red(), unwrapper=everybody_else)
    assert closed.sealed
    assert shown(closed) == 0
    statement = ReleaseParts(red()).statement()
    assert protection().folder.vault.find([statement.digest]) == {}


def test_red_shows_its_named_unit_what_policy_lets_and_no_more():
    value = released(sealed(an_alert(**RED)), {OWN: SOME})[OWN]

    assert shown(read(value)) == SOME
    parts = ReleaseParts(value)
    assert parts.slots.present == SOME


@pytest.mark.parametrize(
    "key_id", ["../officers/first-officer", "", "\x00", "z" * 400, "of a signing key"]
)
def test_a_wrap_that_names_a_key_of_no_kind_stays_closed(key_id):
    if key_id == "of a signing key":
        register = protection().folder.register()
        ids = key_ids(SAMOA, Holder.UNIT)
        key_id = next(i for i in ids if "ECDSA" in register.by_id[i].algorithm)
    wrap = codec.decode(red(), "release")["recipient_key"] | {"key_id": key_id}

    assert read(with_fields(red(), recipient_key=wrap)).sealed


def test_an_entrusted_feeds_key_opens_nothing_without_the_vault():
    value = to_feeds()[ENTRUSTED]

    assert shown(read(value, ENTRUSTED, unwrapper=own(ENTRUSTED))) == ALL
    refused = reason_of(read, value, ENTRUSTED, unwrapper=own(ENTRUSTED), vault=False)
    assert refused == ("ERASED", "feed_key")


def test_an_entrusted_feeds_release_key_is_a_half():
    parts = ReleaseParts(to_feeds()[ENTRUSTED])
    bound = bound_to(parts.alert_id, parts.revision)
    half = open_feed_key(ENTRUSTED, parts.feed_key, bound, own(ENTRUSTED))

    with pytest.raises(SealBroken):
        open_slot_keys(parts.slot_keys, half, bound)
    alert_key = protection().folder.vault.find([parts.statement().digest])
    share = AlertKeys(*alert_key.values(), parts.alert_id, parts.revision).share
    assert open_slot_keys(parts.slot_keys, masked(half, share), bound)


def test_a_release_to_an_entrusted_feed_is_unreadable_once_its_alert_is_erased():
    alert = an_alert()
    values = released(sealed(alert), {ENTRUSTED: ALL, OWN: ALL})
    protection().folder.vault.erase([alert.label.alert_id.bytes], 0)

    assert reason_of(read, values[ENTRUSTED], ENTRUSTED) == ("ERASED", "feed_key")
    assert shown(read(values[OWN])) == ALL  # a partner keeps what it received


def test_nothing_is_released_of_an_alert_whose_key_is_gone():
    alert = an_alert()
    value = sealed(alert)
    protection().folder.vault.erase([alert.label.alert_id.bytes], 0)

    assert reason_of(released, value, {OWN: ALL}) == ("ERASED", "label.alert_id")


def test_a_connector_is_given_the_plain_form_of_an_entrusted_feed_alone():
    plain = opened(read_release(to_feeds()[ENTRUSTED]), opener(ENTRUSTED))
    closed = opened(read_release(to_feeds()[OWN]), opener(OWN))

    assert shown(decode_release(plain.value)) == ALL
    assert closed.value == to_feeds()[OWN]
    # The plain form still verifies, also when it is narrowed.
    assert shown(read(narrow(plain, SOME).value)) == SOME


def test_a_sealed_release_that_is_narrowed_shows_less_and_verifies():
    less = narrow(read_release(to_feeds()[OWN]), SOME)

    assert shown(read(less.value)) == SOME


def test_a_plain_release_may_not_say_what_was_not_signed():
    plain = opened(read_release(to_feeds()[ENTRUSTED]), opener(ENTRUSTED))
    other = released(sealed(an_alert(mark="OTHER")), {ENTRUSTED: ALL})[ENTRUSTED]
    theirs = codec.decode(opened(read_release(other), opener(ENTRUSTED)).value, "release")
    slots = codec.decode(plain.value, "release")["compartments"]
    slots["summary"]["content"] = theirs["compartments"]["summary"]["content"]

    refused = reason_of(read, with_fields(plain.value, compartments=slots))
    assert refused == ("COMMITMENT_DIFFERS", "compartments.summary")


def test_a_session_never_uses_a_nonce_twice():
    register = protection().folder.register()
    key_id = key_ids(OWN, Holder.FEED)[0]
    session = FeedSession(OWN, key_id, register.by_id[key_id].public_bytes, entrusted=False)
    bound = bound_to(uuid4().bytes, 1)

    made = [session.wrap(bytes(32), bound) for _ in range(300)]

    assert len({each[88:100] for each in made}) == 300
    assert {each[:88] for each in made} == {made[0][:88]}
    assert {len(each) for each in made} == {FEED_KEY_BYTES}
