"""A07: TLP:RED that names a hidden unit and one that names nobody are answered the same."""

import os

import pytest
from sealed import FIJI, OWN, SAMOA, TONGA, an_alert, open_alert, opener, protection, released
from sealed_alerts import with_seal

from broker.errors import Rejected
from broker.pipeline.open_release import read_verified
from broker.pipeline.seal import OriginatorSeal
from broker.protect.wrap import NOBODY
from broker.wire.alert_codec import encode_alert
from broker.wire.sealing import AlertParts

HIDDEN, MADE_UP = TONGA, "nauru-no-such-unit"
ALL = (1 << 12) - 1


def red(*named):
    return an_alert(tlp="RED", distribution={"named_recipients": list(named)})


def sealed_as_the_gateway_does(alert, may_know=(FIJI, SAMOA)):
    return protection().originator(FIJI, may_know).seal(encode_alert(alert), alert, os.urandom(32))


def refusal(alert, **how):
    seal = OriginatorSeal(FIJI, protection().folder.register, protection().folder.keeper, **how)
    with pytest.raises(Rejected) as met:
        seal.seal(encode_alert(alert), alert, os.urandom(32))
    return met.value.reason.value, met.value.path


@pytest.mark.parametrize("others", [(), (SAMOA,)])
def test_a07_a_hidden_unit_and_nobody_are_taken_alike_and_by_accept_too(others):
    shapes = []
    for name in (HIDDEN, MADE_UP):
        value = sealed_as_the_gateway_does(red(name, *others))
        wraps = AlertParts(value).seal.recipients
        shapes.append(sorted((len(each.wrapped), len(each.key_id)) for each in wraps))
        assert {each.owner for each in wraps} == {name, *others}
        assert open_alert(value).alert_key is None
    assert shapes[0] == shapes[1]


def test_a07_accept_says_the_same_of_both_whatever_the_wraps_say():
    """The Kafka and Avro doors: who makes the bytes itself learns nothing from the reason."""
    changes = {
        "left out": lambda s: s._replace(recipients=()),
        "nobody's key": lambda s: s._replace(
            recipients=tuple(each._replace(key_id=NOBODY) for each in s.recipients)
        ),
        "no key": lambda s: s._replace(
            recipients=tuple(each._replace(key_id="0" * 16) for each in s.recipients)
        ),
    }
    for change in changes.values():
        said = []
        for name in (HIDDEN, MADE_UP):
            value = with_seal(sealed_as_the_gateway_does(red(name)), change)
            try:
                said.append(str(open_alert(value).alert_key))
            except Rejected as rejected:
                said.append(f"{rejected.reason} {rejected.path}")
        assert said[0] == said[1]


def test_a07_who_may_be_known_and_has_no_key_is_told_by_its_place_and_not_its_name():
    known_but_keyless = "fiji-keyless"
    alert = red(SAMOA, known_but_keyless)
    expected = ("KEY_UNKNOWN", "distribution.named_recipients[1]")
    assert refusal(alert, may_know=(FIJI, SAMOA, known_but_keyless)) == expected
    # A client that has the whole register is told of every name: a misspelt one reaches nobody.
    assert refusal(alert) == expected


def test_a07_who_is_named_and_real_reads_it_beside_one_who_is_nobody():
    value = sealed_as_the_gateway_does(red(SAMOA, MADE_UP))
    release = released(value, {OWN: ALL})[OWN]
    assert read_verified(release, opener(OWN)).compartments.mask
