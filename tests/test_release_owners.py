"""TLP:RED and entrusted feeds: whose key opens a release, and what it opens without the vault."""

import pytest
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
    keeper_with,
    key_ids,
    opener,
    protection,
    reason_of,
    released,
    sealed,
    shown,
)
from sealed_releases import SOME, own, read, red, to_feeds, with_fields

from broker.pipeline.project import narrow, opened, read_release
from broker.protect.register import Holder
from broker.protect.release_seal import (
    masked,
    open_feed_key,
    open_slot_keys,
)
from broker.protect.slot_seal import AlertKeys, SealBroken, bound_to
from broker.wire import codec
from broker.wire.alert_codec import decode_release
from broker.wire.sealing import ReleaseParts


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


def test_a_plain_release_may_not_say_what_was_not_signed():
    plain = opened(read_release(to_feeds()[ENTRUSTED]), opener(ENTRUSTED))
    other = released(sealed(an_alert(mark="OTHER")), {ENTRUSTED: ALL})[ENTRUSTED]
    theirs = codec.decode(opened(read_release(other), opener(ENTRUSTED)).value, "release")
    slots = codec.decode(plain.value, "release")["compartments"]
    slots["summary"]["content"] = theirs["compartments"]["summary"]["content"]

    refused = reason_of(read, with_fields(plain.value, compartments=slots))
    assert refused == ("COMMITMENT_DIFFERS", "compartments.summary")
