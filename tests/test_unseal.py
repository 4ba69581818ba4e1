"""Accept opens what an originator sealed, and refuses each change with its own reason."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed import (
    FIJI,
    SAMOA,
    TONGA,
    an_alert,
    changed_register,
    flipped,
    keeper_with,
    key_ids,
    new_folder,
    open_alert,
    protection,
    reason_of,
    sealed,
    signing_key_id,
    unsealer,
    with_tail,
)
from sealed_alerts import INVALID, amber, red, with_seal, wrapped_for

from broker.errors import KeeperUnavailable, Rejected
from broker.pipeline.protection import Protection
from broker.pipeline.seal import OriginatorSeal
from broker.pipeline.unseal import Unsealer
from broker.protect.register import Holder
from broker.wire import codec
from broker.wire.alert_codec import decode_alert, encode_alert
from broker.wire.sealing import AlertParts
from broker.wire.tails import Seal


def relabelled(value: bytes, **fields) -> bytes:
    """Return a sealed alert whose label was changed after it was signed."""
    record = codec.decode(value, "alert")
    return codec.encode("alert", record | {"label": record["label"] | fields})


def test_what_was_sealed_opens_to_what_it_was():
    alert = an_alert()
    opened = open_alert(sealed(alert))

    assert decode_alert(opened.plain) == alert
    assert AlertParts(opened.forwarded).seal.hub is None
    assert opened.alert_key not in opened.forwarded


def test_nothing_of_what_is_sealed_lies_open():
    value = sealed(an_alert(mark="CANARY"))
    opened = open_alert(value)

    assert b"CANARY" in opened.plain
    assert b"CANARY" not in value + opened.forwarded
    assert "CANARY" not in repr(opened)


@settings(max_examples=600)
@given(st.integers(0, len(amber()) * 8 - 1))
def test_a_bit_changed_anywhere_in_a_sealed_alert_is_refused(bit):
    with pytest.raises(Rejected):
        decode_alert(open_alert(flipped(amber(), bit)).plain)


def test_a_bit_changed_in_the_last_bytes_is_refused_each():
    for bit in range(AlertParts(amber()).slots.end * 8, len(amber()) * 8):
        with pytest.raises(Rejected):
            open_alert(flipped(amber(), bit))


@given(st.integers(1, len(amber()) - 1), st.binary(min_size=1, max_size=40))
def test_a_sealed_alert_cut_short_or_lengthened_is_refused(end, more):
    for value in (amber()[:end], amber() + more):
        with pytest.raises(Rejected):
            open_alert(value)


SWAPPED = {
    "TLP": {"tlp": "GREEN"},
    "urgency": {"urgency": "IMMEDIATE"},
    "revision": {"revision": 2},
    "alert id": {"alert_id": bytes(6) + b"\x40\x00\x80" + bytes(7)},
    "status": {"status": "TEST"},
    "message type": {"message_type": "CANCEL"},
}


@pytest.mark.parametrize("what", SWAPPED)
def test_a_label_changed_after_it_was_signed_is_refused(what):
    assert reason_of(open_alert, relabelled(amber(), **SWAPPED[what])) == INVALID


def test_a_label_of_another_alert_is_refused():
    record, other = codec.decode(amber(), "alert"), codec.decode(sealed(an_alert()), "alert")

    for name in ("label", "distribution", "compartments", "signature"):
        if record[name] != other[name]:
            swapped = codec.encode("alert", record | {name: other[name]})
            assert reason_of(open_alert, swapped) == INVALID


def test_red_made_green_after_it_was_signed_is_refused_whatever_its_wraps_say():
    green = relabelled(red(), tlp="GREEN")

    assert reason_of(open_alert, green) == INVALID
    hub = wrapped_for("hub", Holder.HUB, green)
    wrapped = with_seal(green, lambda seal: Seal(seal.distribution_salt, hub, ()))
    assert reason_of(open_alert, wrapped) == INVALID


def test_who_may_receive_it_changed_after_it_was_signed_is_refused():
    record = codec.decode(red(), "alert")
    wider = record["distribution"] | {"named_recipients": [SAMOA, TONGA]}

    changed = codec.encode("alert", record | {"distribution": wider})
    assert reason_of(open_alert, changed) == INVALID


def test_compartments_swapped_within_an_alert_are_refused():
    record = codec.decode(amber(), "alert")
    slots = dict(record["compartments"])
    slots["victims"], slots["suspects"] = slots["suspects"], slots["victims"]
    assert reason_of(open_alert, codec.encode("alert", record | {"compartments": slots})) == INVALID

    slots = {name: dict(slot) for name, slot in record["compartments"].items()}
    a, b = slots["victims"], slots["suspects"]
    a["content"], b["content"] = b["content"], a["content"]
    changed = codec.encode("alert", record | {"compartments": slots})
    assert reason_of(open_alert, changed) == ("SEAL_BROKEN", "compartments.victims")


def test_a_compartment_taken_out_leaves_its_commitment_and_is_withheld_from_everyone():
    # An empty slot and a withheld one are alike on purpose: taking content out is what policy
    # does. Only who may write to the intake topic could, and nothing else would be read.
    record = codec.decode(amber(), "alert")
    slots = record["compartments"] | {
        "victims": record["compartments"]["victims"] | {"content": None}
    }
    opened = open_alert(codec.encode("alert", record | {"compartments": slots}))

    assert decode_alert(opened.plain).compartments.victims is None
    assert opened.statement == open_alert(amber()).statement


def test_what_is_neither_signed_nor_sealed_is_refused():
    plain = encode_alert(an_alert())

    assert reason_of(open_alert, plain) == ("SIGNATURE_MISSING", "signature")
    assert reason_of(open_alert, with_tail(amber(), seal=lambda _: None)) == (
        "SEAL_MISSING",
        "signature",
    )
    both = with_tail(amber(), signature=lambda _: None, seal=lambda _: None)
    assert reason_of(open_alert, both) == ("SIGNATURE_MISSING", "signature")


def test_the_unit_whose_topic_it_came_through_is_the_only_one_that_may_sign():
    assert reason_of(open_alert, amber(), SAMOA) == ("ORIGINATOR_DIFFERS", "label.originator")
    stolen = relabelled(amber(), originator=SAMOA)
    assert reason_of(open_alert, stolen, SAMOA) == ("KEY_OF_OTHER_UNIT", "signature.key_id")


def test_a_sealed_alert_without_content_is_bound_to_its_key_all_the_same():
    opened = open_alert(sealed(an_alert(compartments={})))

    assert decode_alert(opened.plain).compartments.mask == 0


def test_the_hub_cannot_open_red_and_passes_on_what_it_was_given():
    opened = open_alert(red())

    assert opened.alert_key is None
    assert decode_alert(opened.plain).compartments.mask == 0
    assert opened.forwarded == red()


def revoked_hub_key():
    """Return the register in which the hub's key is revoked, as an erasure leaves it."""
    old = key_ids("hub", Holder.HUB)[0]
    return changed_register(old, revoked_at=protection().folder.register().keys[0].not_before)


def test_a_destroyed_hub_key_opens_nothing():
    refused = reason_of(open_alert, amber(), unwrapper=keeper_with(), register=revoked_hub_key())

    assert refused == ("KEY_DESTROYED", "seal.hub.key_id")


def test_b15_a_hub_key_that_ought_to_be_here_and_is_not_is_our_own_trouble():
    with pytest.raises(KeeperUnavailable, match="KEY_MISSING"):
        open_alert(amber(), unwrapper=keeper_with())


def test_a_hub_key_that_is_renewed_still_opens_what_it_sealed():
    register = revoked_hub_key()

    assert open_alert(amber(), register=register).statement == open_alert(amber()).statement


def test_what_was_erased_comes_back_as_its_cancellation_only():
    folder = new_folder()
    erased = Unsealer(folder.register, folder.keeper, folder.vault)
    alert, cancel = an_alert(), an_alert(message_type="CANCEL", revision=2)
    one, other = (
        _sealed_in(folder, each.model_copy(update={"label": _same_id(each, alert)}))
        for each in (alert, cancel)
    )
    erased.open(one, FIJI)
    folder.vault.erase([alert.label.alert_id.bytes], 0)

    assert reason_of(erased.open, one, FIJI) == ("ERASED", "label.alert_id")
    erased.open(other, FIJI)


def _same_id(alert, first):
    return alert.label.model_copy(update={"alert_id": first.label.alert_id})


def _sealed_in(folder, alert) -> bytes:
    return Protection(folder, {}).seal(alert, encode_alert(alert), os.urandom(32))


def test_a_unit_without_a_key_that_counts_seals_nothing():
    now = unsealer()._now()
    register = changed_register(signing_key_id(), revoked_at=now)
    seal = OriginatorSeal(FIJI, lambda: register, protection().folder.keeper)
    alert = an_alert()
    refused = reason_of(seal.seal, encode_alert(alert), alert, bytes(32))
    assert refused == ("KEY_UNKNOWN", f"unit.{FIJI}")
