"""For whom an alert is wrapped: accept takes exactly the wraps that its marking asks for."""

import os

import pytest
from sealed import (
    OWN,
    SAMOA,
    TONGA,
    an_alert,
    changed_register,
    open_alert,
    reason_of,
    sealed,
    signing_key_id,
)
from sealed_alerts import INVALID, amber, red, with_seal, wrapped_for

from broker.protect.register import Holder
from broker.wire.sealing import AlertParts

SEALS = {
    "red, for the hub, too": (
        red,
        lambda s: s._replace(hub=wrapped_for("hub", Holder.HUB, red())),
        ("SEAL_NOT_END_TO_END", "seal.hub"),
    ),
    "red, for nobody": (
        red,
        lambda s: s._replace(recipients=()),
        ("SEAL_NOT_END_TO_END", "seal.recipients"),
    ),
    "red, for one who is not named": (
        red,
        lambda s: s._replace(recipients=(wrapped_for(TONGA, Holder.UNIT, red()),)),
        ("SEAL_NOT_END_TO_END", "seal.recipients"),
    ),
    "red, for one more": (
        red,
        lambda s: s._replace(recipients=(*s.recipients, wrapped_for(TONGA, Holder.UNIT, red()))),
        ("SEAL_NOT_END_TO_END", "seal.recipients"),
    ),
    "red, twice": (
        red,
        lambda s: s._replace(recipients=s.recipients * 2),
        ("SEAL_NOT_END_TO_END", "seal.recipients"),
    ),
    "red, for a key of another unit": (
        red,
        lambda s: s._replace(
            recipients=(wrapped_for(TONGA, Holder.UNIT, red())._replace(owner=SAMOA),)
        ),
        ("KEY_OF_OTHER_UNIT", "seal.recipients"),
    ),
    "red, for a key that signs": (
        red,
        lambda s: s._replace(recipients=(s.recipients[0]._replace(key_id=signing_key_id(SAMOA)),)),
        ("ALGORITHM_DIFFERS", "seal.recipients"),
    ),
    "red, for a key that nobody knows": (
        red,
        lambda s: s._replace(recipients=(s.recipients[0]._replace(key_id="0" * 16),)),
        ("KEY_UNKNOWN", "seal.recipients"),
    ),
    "amber, not for the hub": (
        amber,
        lambda s: s._replace(hub=None),
        ("SEAL_MISSING", "seal.hub"),
    ),
    "amber, for a unit": (
        amber,
        lambda s: s._replace(recipients=(wrapped_for(SAMOA, Holder.UNIT, amber()),)),
        ("SEAL_NOT_END_TO_END", "seal.recipients"),
    ),
    "the hub under another name": (
        amber,
        lambda s: s._replace(hub=s.hub._replace(owner="hub-two")),
        ("KEY_UNKNOWN", "seal.hub.key_id"),
    ),
    "a unit in the hub's place": (
        amber,
        lambda s: s._replace(hub=wrapped_for(SAMOA, Holder.UNIT, amber())._replace(owner="hub")),
        ("KEY_UNKNOWN", "seal.hub.key_id"),
    ),
    "a feed in the hub's place": (
        amber,
        lambda s: s._replace(hub=wrapped_for(OWN, Holder.FEED, amber())._replace(owner="hub")),
        ("KEY_UNKNOWN", "seal.hub.key_id"),
    ),
    "another key": (
        amber,
        lambda s: s._replace(hub=wrapped_for("hub", Holder.HUB, amber())),
        ("SEAL_BROKEN", "compartments.summary"),
    ),
    "a longer key": (
        amber,
        lambda s: s._replace(hub=wrapped_for("hub", Holder.HUB, amber(), bytes(33))),
        ("SEAL_BROKEN", "seal.hub.wrapped"),
    ),
    "an empty key": (
        amber,
        lambda s: s._replace(hub=wrapped_for("hub", Holder.HUB, amber(), b"")),
        ("SEAL_BROKEN", "seal.hub.wrapped"),
    ),
    "no wrap in the wrap": (
        amber,
        lambda s: s._replace(hub=s.hub._replace(wrapped=b"")),
        ("SEAL_BROKEN", "seal.hub.wrapped"),
    ),
    "the wrap of another alert": (
        amber,
        lambda s: s._replace(hub=AlertParts(sealed(an_alert())).seal.hub),
        ("SEAL_BROKEN", "seal.hub.wrapped"),
    ),
    "another salt": (amber, lambda s: s._replace(distribution_salt=os.urandom(32)), INVALID),
}


@pytest.mark.parametrize("what", SEALS)
def test_a_seal_that_is_not_as_it_should_be_is_refused_with_its_reason(what):
    made, change, refused = SEALS[what]

    assert reason_of(open_alert, with_seal(made(), change)) == refused


def test_a_feed_that_is_called_like_a_named_unit_is_not_that_unit():
    key_id = AlertParts(red()).seal.recipients[0].key_id
    register = changed_register(key_id, holder=Holder.FEED)

    refused = reason_of(open_alert, red(), register=register)
    assert refused == ("KEY_OF_OTHER_UNIT", "seal.recipients")
