"""Whose key signed, and whether it counts: each fault has its own reason everywhere."""

from datetime import UTC, datetime, timedelta

import pytest
from sealed import (
    FIJI,
    OWN,
    SAMOA,
    an_alert,
    changed_register,
    key_ids,
    open_alert,
    protection,
    reason_of,
    sealed,
    signing_key_id,
    with_tail,
)
from signing import both_refuse, published, release, verified

from broker.pipeline.open_release import verify_release
from broker.protect.register import Holder
from broker.wire.sealing import AlertParts, ReleaseParts


def test_a_signature_of_another_alert_is_none():
    other = AlertParts(sealed(an_alert())).signature

    assert both_refuse(value=other.value) == {("SIGNATURE_INVALID", "signature.value")}


def test_a_signature_by_another_unit_is_refused_by_its_key_and_by_its_bytes():
    statement = open_alert(published()).statement
    value = protection().folder.keeper.sign(signing_key_id(SAMOA), statement.signed)

    assert both_refuse(key_id=signing_key_id(SAMOA), value=value) == {
        ("KEY_OF_OTHER_UNIT", "signature.key_id")
    }
    assert both_refuse(value=value) == {("SIGNATURE_INVALID", "signature.value")}


@pytest.mark.parametrize("name", ["", "none", "ECDSA-P256-SHA1", "ecdsa-p256-sha256", "HS256"])
def test_another_algorithm_is_never_chosen_by_a_record(name):
    assert both_refuse(algorithm=name) == {("ALGORITHM_DIFFERS", "signature.algorithm")}


def test_a_key_for_sealing_signs_nothing():
    register = protection().folder.register()
    ids = [i for i in key_ids(FIJI, Holder.UNIT) if i != signing_key_id()]

    for key_id in ids:
        name = register.by_id[key_id].algorithm.value
        for algorithm in (name, "ECDSA-P256-SHA256"):
            assert both_refuse(key_id=key_id, algorithm=algorithm) == {
                ("ALGORITHM_DIFFERS", "signature.algorithm")
            }


@pytest.mark.parametrize("holder", [Holder.FEED, Holder.HUB])
def test_a_key_of_a_feed_or_of_the_hub_is_no_units(holder):
    key_id = key_ids(OWN if holder is Holder.FEED else "hub", holder)[0]

    assert both_refuse(key_id=key_id) == {("KEY_OF_OTHER_UNIT", "signature.key_id")}


@pytest.mark.parametrize("holder", [Holder.FEED, Holder.HUB])
def test_a_key_of_a_feed_that_is_called_like_the_unit_is_not_the_units(holder):
    register = changed_register(signing_key_id(), holder=holder)

    refused = reason_of(open_alert, published(), register=register)
    assert refused == ("KEY_OF_OTHER_UNIT", "signature.key_id")
    assert reason_of(verified, release(), register) == refused


@pytest.mark.parametrize("key_id", ["", "0" * 16, "../officers/one", "\x00"])
def test_a_key_that_nobody_knows_is_unknown(key_id):
    assert both_refuse(key_id=key_id) == {("KEY_UNKNOWN", "signature.key_id")}


@pytest.mark.parametrize(
    ("field", "days", "reason"),
    [
        ("revoked_at", -1, "KEY_REVOKED"),
        ("revoked_at", 0, "KEY_REVOKED"),
        ("not_before", 1, "KEY_NOT_YET_VALID"),
        ("not_after", -1, "KEY_EXPIRED"),
        ("not_after", 0, "KEY_EXPIRED"),
    ],
)
def test_a_key_that_does_not_count_now_is_refused_with_its_own_reason(field, days, reason):
    now = datetime.now(UTC)
    register = changed_register(signing_key_id(), **{field: now + timedelta(days)})

    refused = reason_of(open_alert, published(), register=register, now=lambda: now)
    assert refused == (reason, "signature.key_id")
    assert reason_of(verified, release(), register, now) == refused


def test_what_was_signed_before_a_key_was_revoked_still_verifies():
    now = datetime.now(UTC)
    register = changed_register(signing_key_id(), revoked_at=now)

    verified(release(), register, now - timedelta(seconds=1))
    assert reason_of(verified, release(), register, now)[0] == "KEY_REVOKED"


def test_without_a_signature_nothing_is_accepted_and_nothing_verifies():
    bare = with_tail(published(), signature=lambda _: None)
    assert reason_of(open_alert, bare) == ("SIGNATURE_MISSING", "signature")
    parts = ReleaseParts(release())
    parts.signature = None
    register = protection().folder.register()
    refused = reason_of(verify_release, register, parts, FIJI, datetime.now(UTC))
    assert refused == ("SIGNATURE_MISSING", "signature")
    parts = ReleaseParts(release())
    parts.distribution_commitment = None
    refused = reason_of(verify_release, register, parts, FIJI, datetime.now(UTC))
    assert refused == ("SIGNATURE_MISSING", "signature")
