"""A recall carries the hub's signature; one in doubt is obeyed, and said to be in doubt."""

from datetime import timedelta
from functools import cache
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed import OTHER, OWN, SAMOA, keeper_with, key_ids, opener, protection

from broker.clock import epoch_ms
from broker.errors import KeeperUnavailable
from broker.gateway.serve import Servings
from broker.gateway.shelf import Shelved
from broker.model.reason import Reason
from broker.pipeline.holding import Holding, Share
from broker.pipeline.holdings import Holdings
from broker.pipeline.lane import take_until_full
from broker.pipeline.open_release import read_verified
from broker.pipeline.project import narrow, read_release, recall
from broker.pipeline.redecide import Handover, confirmed
from broker.protect.algorithms import Algorithm
from broker.protect.key_folder import now
from broker.protect.recall_seal import RecallSigner, RecallStatement
from broker.protect.register import HUB, Holder
from broker.wire import codec
from broker.wire.producer import TransactionFailed

HUB_KEY = Algorithm.ECDSA_P256_SHA256


def said(feed: str = OWN, alert_id: UUID | None = None) -> RecallStatement:
    protection()  # the hub's key counts from when it was made
    moment = int(now().timestamp() * 1000)
    return RecallStatement(feed, (alert_id or uuid4()).bytes, 2, moment)


def signer(keeper=None, register=None) -> RecallSigner:
    folder = protection().folder
    return RecallSigner(register or folder.register, keeper or folder.keeper)


def signed(statement: RecallStatement | None = None) -> bytes:
    return recall(statement or said(), signer()).value


@cache
def one() -> bytes:
    return signed()


def doubt(value: bytes, feed: str = OWN) -> Reason | None:
    return read_verified(value, opener(feed)).doubt


def changed(value: bytes, **fields) -> bytes:
    return codec.encode("release", codec.decode(value, "release") | fields)


def test_what_the_hub_signed_is_in_no_doubt_and_says_nothing_else():
    value = signed()
    assert doubt(value) is None
    record = codec.decode(value, "release")
    assert {name for name, each in record.items() if each is not None} == {
        "kind", "alert_id", "revision", "released_at", "profile", "signature"
    }  # fmt: skip
    assert narrow(read_release(value), 0).value == value
    # Where nothing is in doubt, what people and programs read says nothing of it.
    assert "doubt" not in read_verified(value, opener(OWN)).model_dump_json()


def test_a_recall_of_one_feed_is_none_in_another():
    assert doubt(signed(said(OWN)), OTHER) is Reason.SIGNATURE_INVALID


@given(st.sampled_from(["alert_id", "revision", "released_at"]))
def test_a_signature_is_for_one_recall_only(field):
    value = signed()
    other = {
        "alert_id": uuid4().bytes,
        "revision": 3,
        "released_at": codec.decode(value, "release")["released_at"] + timedelta(milliseconds=1),
    }
    assert doubt(changed(value, **{field: other[field]})) is Reason.SIGNATURE_INVALID


@given(st.data())
def test_any_bit_of_the_signature_counts(data):
    signature = codec.decode(one(), "release")["signature"]
    bits = bytearray(signature["value"])
    place = data.draw(st.integers(0, 8 * len(bits) - 1))
    bits[place // 8] ^= 1 << place % 8
    forged = changed(one(), signature=signature | {"value": bytes(bits)})
    assert doubt(forged) is Reason.SIGNATURE_INVALID


def test_only_the_hubs_own_signing_key_counts():
    statement = said()
    folder = protection().folder
    value = signed(statement)
    signature = codec.decode(value, "release")["signature"]
    (unit_key,) = folder.register().of(Holder.UNIT, SAMOA, HUB_KEY)
    (feed_key,) = key_ids(OWN, Holder.FEED)
    by_unit = {"key_id": unit_key.id, "value": folder.keeper.sign(unit_key.id, statement.signed)}
    for fields, reason in (
        (by_unit, Reason.KEY_OF_OTHER_UNIT),
        ({"key_id": feed_key}, Reason.KEY_OF_OTHER_UNIT),
        ({"key_id": "0" * 16}, Reason.KEY_UNKNOWN),
        ({"algorithm": "none"}, Reason.ALGORITHM_DIFFERS),
    ):
        assert doubt(changed(value, signature=signature | fields)) is reason
    assert doubt(changed(value, signature=None)) is Reason.SIGNATURE_MISSING


def test_where_the_hub_has_no_key_a_recall_is_sent_all_the_same():
    without_private = keeper_with()
    assert doubt(recall(said(), signer(keeper=without_private)).value) is Reason.SIGNATURE_MISSING
    register = protection().folder.register()
    keys = [key for key in register.keys if (key.owner, key.algorithm) != (HUB, HUB_KEY)]
    older = register.model_copy(update={"keys": tuple(keys)})
    value = recall(said(), signer(register=lambda: older)).value
    assert doubt(value) is Reason.SIGNATURE_MISSING


@pytest.mark.parametrize(
    ("share", "kept_back"),
    [
        (None, True),
        (Share(1, recalled=False), True),
        (Share(1, recalled=True), True),
        (Share(2, recalled=True), False),
        (Share(3, recalled=True), False),
        (Share(3, recalled=False), False),
    ],
)
async def test_a_recall_in_doubt_is_handed_over_if_the_ledger_says_the_same(share, kept_back):
    alert_id = uuid4()
    release = recall(said(alert_id=alert_id), None)
    holding = Holding(2, False, 0, b"", b"", {OWN: share} if share else {})
    assert isinstance(confirmed(release, OWN, holding), Handover) is not kept_back
    assert await served(alert_id, release.value, holding.shares) == (not kept_back)
    assert await served(alert_id, signed(said(alert_id=alert_id)), holding.shares)


class ReadToItsEnd(Holdings):
    """A ledger that holds what it was given, and will hold nothing else."""

    async def latest(self, alert_id, _timeout_seconds):
        return self._holdings.get(alert_id.bytes)


async def served(alert_id, value, shares) -> bool:
    """Whether a gateway shows *value*, with *shares* in its ledger."""
    holdings = ReadToItsEnd(None, None)
    holdings.seen_ms = epoch_ms()
    later = epoch_ms() + 3_600_000
    holdings._holdings[alert_id.bytes] = Holding(2, False, later, b"", b"", shares)
    gateway = Servings(holdings, None, {OWN: opener(OWN)}, epoch_ms)
    shelved = Shelved(OWN, 0, 0, 1_000, alert_id, 2, "RECALL", value)
    return await gateway.serve(shelved) is not None


def test_while_the_keys_are_away_route_waits_and_quarantines_nothing():
    def take(_record, _outbox):
        raise KeeperUnavailable("KEYS_AWAY")

    with pytest.raises(TransactionFailed, match="KEYS_AWAY") as failed:
        take_until_full([None], None, take)
    assert not failed.value.for_good
